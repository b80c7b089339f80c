"""Tests of codexd.tools.block_parser."""

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.block_parser import ParsedBlock, is_tag_name, parse_block, parse_children
from tests.support.tool_blocks import CLOSE, OPEN, block_texts


class ParseTests(SynchronousTestCase):
    def test_all_the_forms_that_models_write_are_parsed(self) -> None:
        table = (
            (
                f"{OPEN}\n  <name> find </name>\n  <query>a</query>\n{CLOSE}",
                ParsedBlock("find", (("query", "a"),)),
            ),
            (f"<use_tool name='find'><query>a</query>{CLOSE}", ParsedBlock("find", (("query", "a"),))),
            (f'<use_tool id="1" name="find" >{CLOSE}', ParsedBlock("find")),
            (f"{OPEN}<query>a</query><name>find</name>{CLOSE}", ParsedBlock("find", (("query", "a"),))),
            (
                f'{OPEN}<name>find</name><args>\n{{"a": 1}}\n</args>{CLOSE}',
                ParsedBlock("find", arguments='{"a": 1}'),
            ),
            (f'{OPEN}{{"name":"find","query":"a"}}{CLOSE}', ParsedBlock("find", arguments='{"query":"a"}')),
            (
                f'{OPEN} {{"name":"find","arguments":{{"a":1}}}} {CLOSE}',
                ParsedBlock("find", arguments='{"a":1}'),
            ),
            (f'<use_tool name="find">{{"name":"a"}}{CLOSE}', ParsedBlock("find", arguments='{"name":"a"}')),
            (
                f"{OPEN}<name>find</name><all/><q a='1'>b</q>{CLOSE}",
                ParsedBlock("find", (("all", ""), ("q", "b"))),
            ),
        )
        for source, block in table:
            self.assertEqual(parse_block(source), block, source)

    def test_the_first_name_is_the_tools_and_the_next_a_parameter(self) -> None:
        block = parse_block(f"{OPEN}<name>create</name><name>A note</name>{CLOSE}")
        self.assertEqual(block, ParsedBlock("create", (("name", "A note"),)))

    def test_markup_inside_a_parameter_belongs_to_its_content(self) -> None:
        html = "<div><p class='x'>a</p></div> <content>b</content>"
        block = parse_block(f"{OPEN}<name>write</name><content>{html}</content>{CLOSE}")
        self.assertEqual(block, ParsedBlock("write", (("content", html),)))

    def test_malformed_blocks_are_not_parsed(self) -> None:
        bodies = (
            *("", "find", "<name></name>", "<name>a b</name>", "<query>a</query>", "<name>find</name> stray"),
            *(
                "<name>find</name><query>a",
                "<name>find</name></query>",
                "{",
                '{"name":1}',
                '{"query":"a"}',
                "[1]",
            ),
            *("<name>find</name><q>a<q>b</q>", "<name>find<name>"),
        )
        for body in bodies:
            self.assertIsNone(parse_block(f"{OPEN}{body}{CLOSE}"), body)
        self.assertIsNone(parse_block("<use_tool/>"))

    @given(block_texts())
    def test_any_text_is_parsed_or_malformed(self, body: str) -> None:
        block = parse_block(f"{OPEN}{body}{CLOSE}")
        self.assertTrue(block is None or block.name)


class ChildrenTests(SynchronousTestCase):
    def test_only_sibling_tags_are_children(self) -> None:
        self.assertEqual(parse_children(" <a>1</a>\n<b/> "), (("a", "1"), ("b", "")))
        self.assertEqual([parse_children(body) for body in ("", "a", "<a>1</a>b")], [(), None, None])

    def test_some_names_cannot_be_tags(self) -> None:
        good, bad = ("a", "_a", "a-1.b"), ("", "1a", "a b", "ä", "use_tool", "a>")
        self.assertEqual([is_tag_name(key) for key in (*good, *bad)], [True] * 3 + [False] * 6)
