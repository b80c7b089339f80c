"""Tests of codexd.tools.offered_tools."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Tool
from codexd.tools.block_parser import ParsedBlock
from codexd.tools.offered_tools import OfferedTools, qualified_name
from tests.support.tool_blocks import TOOL

OTHER = Tool(name="other", namespace="space")
PATCH = Tool(name="patch", kind="custom")


class OfferedToolsTests(SynchronousTestCase):
    def test_a_tool_is_found_with_its_namespace_and_without(self) -> None:
        offered = OfferedTools((TOOL, OTHER))
        self.assertEqual([offered.find(name) for name in ("find", "space.other", "other")], [TOOL, OTHER, OTHER])
        self.assertIsNone(offered.find("none"))
        self.assertEqual((qualified_name("a", None), qualified_name("a", "b")), ("a", "b.a"))

    def test_any_tool_is_found_with_allow_any(self) -> None:
        offered = OfferedTools((TOOL,), allow_any=True)
        self.assertEqual((offered.find("find"), offered.find("none")), (TOOL, Tool(name="none")))

    def test_parameters_are_decoded_by_the_schema(self) -> None:
        block = ParsedBlock("find", (("query", "5"), ("limit", "5"), ("more", "5")))
        offered = OfferedTools((TOOL,))
        self.assertEqual(offered.build_arguments(block, TOOL), '{"query":"5","limit":5,"more":5}')
        self.assertEqual((offered.parameter_order("find"), offered.parameter_order("none")), (("query", "limit"), ()))

    def test_arguments_in_one_text_do_not_change(self) -> None:
        self.assertEqual(OfferedTools().build_arguments(ParsedBlock("find", arguments="{ oops"), TOOL), "{ oops")

    def test_a_custom_tool_gets_its_raw_input(self) -> None:
        offered = OfferedTools((PATCH,))
        self.assertEqual(offered.build_arguments(ParsedBlock("patch", (("input", "\n7\n"),)), PATCH), "7")
        self.assertEqual(offered.build_arguments(ParsedBlock("patch", (("a", "7"),)), PATCH), '{"a":7}')
