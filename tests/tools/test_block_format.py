"""Tests of codexd.tools.block_format."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Tool
from codexd.tools.block_format import format_block, format_call
from codexd.tools.block_parser import parse_block
from codexd.tools.offered_tools import OfferedTools
from codexd.wire import json
from tests.support.sentences import names, texts
from tests.support.tool_blocks import CLOSE, FIND_BLOCK, OPEN, arguments

ANY_TOOL = OfferedTools(allow_any=True)


def parse_again(block: str, tool: Tool) -> tuple[str, str]:
    """Return the name and the arguments of a block."""
    parsed = parse_block(block)
    assert parsed is not None, block
    return parsed.name, ANY_TOOL.build_arguments(parsed, tool)


class LawTests(SynchronousTestCase):
    @given(names(), arguments())
    def test_a_formatted_call_parses_to_the_same_call(self, name: str, given_arguments: json.Json) -> None:
        parsed_name, parsed = parse_again(format_call(name, json.encode(given_arguments).decode()), Tool(name=name))
        self.assertEqual(parsed_name, name)
        self.assertEqual(json.encode_canonical(json.decode(parsed)), json.encode_canonical(given_arguments))

    @given(names(), st.text() | texts())
    def test_arguments_that_are_not_an_object_keep_every_character(self, name: str, text: str) -> None:
        if json.is_valid(text or "{}"):
            return
        self.assertEqual(parse_again(format_call(name, text), Tool(name=name)), (name, text))

    @given(names(), st.text() | texts())
    def test_a_custom_tools_input_keeps_every_character(self, name: str, text: str) -> None:
        tool = Tool(name=name, kind="custom")
        self.assertEqual(parse_again(format_call(name, text, "custom"), tool), (name, text))

    @given(names(), arguments())
    def test_a_formatted_block_is_already_canonical(self, name: str, given_arguments: json.Json) -> None:
        block = format_call(name, json.encode(given_arguments).decode())
        parsed = parse_block(block)
        assert parsed is not None
        self.assertEqual(format_block(parsed), block)

    @given(names(), st.dictionaries(names(), st.text(st.characters(categories=("L", "P", "S"))), max_size=3))
    def test_a_block_is_valid_xml(self, name: str, given_arguments: json.Json) -> None:
        block = format_call(name, json.encode(given_arguments).decode())
        element = ElementTree.fromstring(block)
        self.assertEqual((element.tag, element.findtext("name")), ("use_tool", name))


class FormatTests(SynchronousTestCase):
    def test_a_block_has_one_tag_for_each_parameter_in_the_plugins_order(self) -> None:
        block = format_call("localSearch", '{"extra":true,"salientTerms":["a","b"],"query":"R&D"}')
        self.assertEqual(
            block,
            "<use_tool>\n"
            "  <name>localSearch</name>\n"
            "  <query>R&amp;D</query>\n"
            '  <salientTerms>["a","b"]</salientTerms>\n'
            "  <extra>true</extra>\n"
            "</use_tool>",
        )

    def test_the_tools_own_order_has_priority(self) -> None:
        block = format_call("webSearch", '{"query":"a","chatHistory":[]}', order=("chatHistory", "query"))
        self.assertLess(block.index("<chatHistory>"), block.index("<query>"))

    def test_a_call_without_arguments_has_only_its_name(self) -> None:
        bare = "<use_tool>\n  <name>getFileTree</name>\n</use_tool>"
        self.assertEqual([format_call("getFileTree", text) for text in ("", "{}")], [bare, bare])

    def test_arguments_that_tags_cannot_represent_share_one_tag(self) -> None:
        for text in ('{"a b":1}', '{"args":1}', '{"use_tool":1}', "[1]", '{"a":123456789012345678901234}'):
            self.assertIn(f"<args>{text}</args>", format_call("f", text))
        self.assertIn('<args>{"a b":"\\u003c"}</args>', format_call("f", '{"a b":"<"}'))

    def test_a_block_can_contain_a_block(self) -> None:
        block = format_call("write", json.encode({"content": FIND_BLOCK}).decode())
        self.assertEqual((block.count("<use_tool"), block.count(CLOSE)), (1, 1))

    def test_the_content_of_a_models_tags_does_not_change(self) -> None:
        parsed = parse_block(f"{OPEN}<content>> R&D <b>x</b></content><path>a</path><name>writeToFile</name>{CLOSE}")
        assert parsed is not None
        self.assertEqual(
            format_block(parsed),
            "<use_tool>\n  <name>writeToFile</name>\n  <path>a</path>\n"
            "  <content>> R&D <b>x</b></content>\n</use_tool>",
        )
