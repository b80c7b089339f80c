"""Where a client's tool stands when its name is taken in the child's world."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.items import dynamic_tools, raw_items
from codexd.backs.naming import placed
from codexd.neutral.turn import Tool, ToolCall


class PlacedTests(SynchronousTestCase):
    def test_most_names_stand_as_they_are(self) -> None:
        for place in ((None, "weather"), (None, "web"), ("mine", "exec_command")):
            self.assertEqual(placed(*place), place)

    def test_a_taken_name_stands_in_a_namespace_of_ours_under_its_own_name(self) -> None:
        self.assertEqual(placed(None, "exec_command"), ("client", "exec_command"))
        self.assertEqual(placed("web", "search"), ("client_web", "search"))

    def test_the_tool_and_its_calls_stand_in_the_same_place(self) -> None:
        for namespace, name in ((None, "shell_command"), ("python", "run")):
            (group,) = dynamic_tools((Tool(name, namespace=namespace),))
            (call,) = raw_items((ToolCall("c", name, "{}", namespace=namespace),))
            self.assertEqual(group["name"], call["namespace"])
            self.assertEqual([tool["name"] for tool in group["tools"]], [call["name"]])
