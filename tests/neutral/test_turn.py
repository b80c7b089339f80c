"""Tests of the properties of a turn."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Tool, ToolChoice, Turn

ONE, OTHER = Tool(name="one"), Tool(name="other", namespace="space")


class VisibleToolsTests(SynchronousTestCase):
    def test_only_callable_tools_are_visible(self) -> None:
        for choice, visible in (
            (ToolChoice(), (ONE, OTHER)),
            (ToolChoice("none"), ()),
            (ToolChoice("none", ("other",)), ()),
            (ToolChoice("required", ("other",)), (OTHER,)),
            (ToolChoice("auto", ("other", "gone")), (OTHER,)),
        ):
            self.assertEqual(Turn(model="m", items=(), tools=(ONE, OTHER), tool_choice=choice).visible_tools, visible)
