"""The namespaces of client tools whose names the child reserves."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.items import encode_dynamic_tools, encode_items
from codexd.backs.reserved_names import to_child_name
from codexd.neutral.turn import Tool, ToolCall


class ReservedNameTests(SynchronousTestCase):
    def test_most_names_are_unchanged(self) -> None:
        for place in ((None, "weather"), (None, "web"), ("mine", "exec_command")):
            self.assertEqual(to_child_name(*place), place)

    def test_a_reserved_name_gets_a_namespace_and_keeps_its_name(self) -> None:
        self.assertEqual(to_child_name(None, "exec_command"), ("client", "exec_command"))
        self.assertEqual(to_child_name("web", "search"), ("client_web", "search"))

    def test_a_tool_and_its_calls_have_the_same_namespace(self) -> None:
        for namespace, name in ((None, "shell_command"), ("python", "run")):
            (group,) = encode_dynamic_tools((Tool(name=name, namespace=namespace),))
            (call,) = encode_items((ToolCall(call_id="c", name=name, arguments="{}", namespace=namespace),))
            self.assertEqual(group["name"], call["namespace"])
            self.assertEqual([tool["name"] for tool in group["tools"]], [call["name"]])
