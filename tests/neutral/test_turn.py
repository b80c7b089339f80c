"""What is asked, as far as it says more than its fields."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Tool, ToolChoice, Turn

ONE, OTHER = Tool("one"), Tool("other", namespace="space")


class OfferedTests(SynchronousTestCase):
    def test_the_model_sees_only_the_tools_it_may_call(self) -> None:
        for choice, offered in (
            (ToolChoice(), (ONE, OTHER)),
            (ToolChoice("none"), ()),
            (ToolChoice("none", ("other",)), ()),
            (ToolChoice("required", ("other",)), (OTHER,)),
            (ToolChoice("auto", ("other", "gone")), (OTHER,)),
        ):
            self.assertEqual(Turn("m", (), tools=(ONE, OTHER), tool_choice=choice).offered, offered)
