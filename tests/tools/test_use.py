"""A block taken apart."""

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.use import Use, children, nameable, read
from tests.support.blocks import CLOSE, OPEN, blocky


class ReadTests(SynchronousTestCase):
    def test_the_forms_that_models_write_are_understood(self) -> None:
        table = (
            (f"{OPEN}\n  <name> find </name>\n  <query>a</query>\n{CLOSE}", Use("find", (("query", "a"),))),
            (f"<use_tool name='find'><query>a</query>{CLOSE}", Use("find", (("query", "a"),))),
            (f'<use_tool id="1" name="find" >{CLOSE}', Use("find")),
            (f"{OPEN}<query>a</query><name>find</name>{CLOSE}", Use("find", (("query", "a"),))),
            (f'{OPEN}<name>find</name><args>\n{{"a": 1}}\n</args>{CLOSE}', Use("find", arguments='{"a": 1}')),
            (f'{OPEN}{{"name":"find","query":"a"}}{CLOSE}', Use("find", arguments='{"query":"a"}')),
            (f'{OPEN} {{"name":"find","arguments":{{"a":1}}}} {CLOSE}', Use("find", arguments='{"a":1}')),
            (f'<use_tool name="find">{{"name":"a"}}{CLOSE}', Use("find", arguments='{"name":"a"}')),
            (f"{OPEN}<name>find</name><all/><q a='1'>b</q>{CLOSE}", Use("find", (("all", ""), ("q", "b")))),
        )
        for source, use in table:
            self.assertEqual(read(source), use, source)

    def test_the_first_name_is_the_tools_and_another_one_a_parameter(self) -> None:
        use = read(f"{OPEN}<name>create</name><name>A note</name>{CLOSE}")
        self.assertEqual(use, Use("create", (("name", "A note"),)))

    def test_markup_inside_a_parameter_is_the_parameters(self) -> None:
        html = "<div><p class='x'>a</p></div> <content>b</content>"
        use = read(f"{OPEN}<name>write</name><content>{html}</content>{CLOSE}")
        self.assertEqual(use, Use("write", (("content", html),)))

    def test_what_is_broken_is_no_call(self) -> None:
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
            self.assertIsNone(read(f"{OPEN}{body}{CLOSE}"), body)
        self.assertIsNone(read("<use_tool/>"))

    @given(blocky())
    def test_anything_at_all_is_read_or_refused(self, body: str) -> None:
        use = read(f"{OPEN}{body}{CLOSE}")
        self.assertTrue(use is None or use.name)


class ChildrenTests(SynchronousTestCase):
    def test_only_tags_side_by_side_are_children(self) -> None:
        self.assertEqual(children(" <a>1</a>\n<b/> "), (("a", "1"), ("b", "")))
        self.assertEqual([children(body) for body in ("", "a", "<a>1</a>b")], [(), None, None])

    def test_a_name_is_a_tag_or_it_is_not(self) -> None:
        good, bad = ("a", "_a", "a-1.b"), ("", "1a", "a b", "ä", "use_tool", "a>")
        self.assertEqual([nameable(key) for key in (*good, *bad)], [True] * 3 + [False] * 6)
