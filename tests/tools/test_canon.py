"""The canonical block."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Tool
from codexd.tools.canon import lay_out, write
from codexd.tools.offer import Offer
from codexd.tools.use import read
from codexd.wire import json
from tests.support.blocks import CLOSE, FIND, OPEN, arguments
from tests.support.sentences import names, texts

ANY = Offer(any=True)


def read_again(block: str, tool: Tool) -> tuple[str, str]:
    """Give the name and the arguments a block says."""
    use = read(block)
    assert use is not None, block
    return use.name, ANY.arguments(use, tool)


class LawTests(SynchronousTestCase):
    @given(names(), arguments())
    def test_a_call_that_is_written_is_read_again(self, name: str, given_arguments: json.Json) -> None:
        found_name, found = read_again(write(name, json.encode(given_arguments).decode()), Tool(name))
        self.assertEqual(found_name, name)
        self.assertEqual(json.canonical(json.decode(found)), json.canonical(given_arguments))

    @given(names(), st.text() | texts())
    def test_arguments_that_are_no_object_keep_every_character(self, name: str, text: str) -> None:
        if json.is_valid(text or "{}"):
            return
        self.assertEqual(read_again(write(name, text), Tool(name)), (name, text))

    @given(names(), st.text() | texts())
    def test_a_custom_tools_input_keeps_every_character(self, name: str, text: str) -> None:
        tool = Tool(name, kind="custom")
        self.assertEqual(read_again(write(name, text, "custom"), tool), (name, text))

    @given(names(), arguments())
    def test_a_written_block_is_laid_out_already(self, name: str, given_arguments: json.Json) -> None:
        block = write(name, json.encode(given_arguments).decode())
        use = read(block)
        assert use is not None
        self.assertEqual(lay_out(use), block)

    @given(names(), st.dictionaries(names(), st.text(st.characters(categories=("L", "P", "S"))), max_size=3))
    def test_a_block_is_xml(self, name: str, given_arguments: json.Json) -> None:
        block = write(name, json.encode(given_arguments).decode())
        element = ElementTree.fromstring(block)
        self.assertEqual((element.tag, element.findtext("name")), ("use_tool", name))


class WriteTests(SynchronousTestCase):
    def test_a_block_has_a_tag_a_parameter_in_the_plugins_order(self) -> None:
        block = write("localSearch", '{"extra":true,"salientTerms":["a","b"],"query":"R&D"}')
        self.assertEqual(
            block,
            "<use_tool>\n"
            "  <name>localSearch</name>\n"
            "  <query>R&amp;D</query>\n"
            '  <salientTerms>["a","b"]</salientTerms>\n'
            "  <extra>true</extra>\n"
            "</use_tool>",
        )

    def test_a_tools_own_order_wins(self) -> None:
        block = write("webSearch", '{"query":"a","chatHistory":[]}', order=("chatHistory", "query"))
        self.assertLess(block.index("<chatHistory>"), block.index("<query>"))

    def test_a_call_without_arguments_has_only_its_name(self) -> None:
        bare = "<use_tool>\n  <name>getFileTree</name>\n</use_tool>"
        self.assertEqual([write("getFileTree", text) for text in ("", "{}")], [bare, bare])

    def test_what_tags_cannot_say_is_said_in_one(self) -> None:
        for text in ('{"a b":1}', '{"args":1}', '{"use_tool":1}', "[1]", '{"a":123456789012345678901234}'):
            self.assertIn(f"<args>{text}</args>", write("f", text))
        self.assertIn('<args>{"a b":"\\u003c"}</args>', write("f", '{"a b":"<"}'))

    def test_a_block_can_hold_a_block(self) -> None:
        block = write("write", json.encode({"content": FIND}).decode())
        self.assertEqual((block.count("<use_tool"), block.count(CLOSE)), (1, 1))

    def test_what_a_model_wrote_in_a_tag_stays_as_it_was(self) -> None:
        use = read(f"{OPEN}<content>> R&D <b>x</b></content><path>a</path><name>writeToFile</name>{CLOSE}")
        assert use is not None
        self.assertEqual(
            lay_out(use),
            "<use_tool>\n  <name>writeToFile</name>\n  <path>a</path>\n"
            "  <content>> R&D <b>x</b></content>\n</use_tool>",
        )
