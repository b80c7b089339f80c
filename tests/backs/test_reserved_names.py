"""The names of client tools whose names or namespaces the child reserves."""

import re
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs import profile
from codexd.backs.chat.tool_names import ToolNames
from codexd.backs.items import encode_dynamic_tools, encode_items
from codexd.backs.reserved_names import ChildNames, QualifiedName, is_codex_namespace
from codexd.backs.translator import TurnTranslator
from codexd.neutral import event as e
from codexd.neutral.turn import Tool, ToolCall, ToolChoice, Turn

RESERVED_NAMESPACES = (
    *("api_tool", "browser", "computer", "container", "file_search", "functions", "image_gen", "mcp", "mcp__x"),
    *("multi_tool_use", "python", "submodel_delegator", "terminal", "tool_search", "web"),
)
VALID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

prefixes = st.sampled_from(["", "client_", "client_client_"])
parts = st.sampled_from(
    ["mcp", "mcp__", "mcp__x", "mcp_x", "client", "exec_command", "shell_command", "web", "functions", "weather", "a.b"]
)
names = st.one_of(
    st.builds(lambda prefix, part: prefix + part, prefixes, parts),
    st.text("ab_c.", min_size=1, max_size=80),
    st.builds(lambda part, count: part + "x" * count, parts, st.integers(50, 70)),
)
qualified_names = st.tuples(st.one_of(st.none(), names, st.sampled_from(RESERVED_NAMESPACES)), names)
tool_sets = st.lists(qualified_names, unique=True, max_size=8)


def build_tools(wanted: Iterable[QualifiedName]) -> tuple[Tool, ...]:
    return tuple(Tool(name=name, namespace=namespace) for namespace, name in wanted)


class ReservedNameTests(SynchronousTestCase):
    def test_most_names_are_unchanged(self) -> None:
        for place in (
            (None, "weather"), (None, "web"), (None, "client_mcp_x"), (None, "apply_patch"), (None, "tool_search"),
            ("mine", "exec_command"), ("client_tools", "client_weather"), ("mcp_x", "run"), ("clock", "sleep"),
        ):  # fmt: skip
            self.assertEqual(ChildNames().encode(*place), place)

    def test_a_dropped_name_gets_a_namespace_and_keeps_its_name(self) -> None:
        self.assertEqual(ChildNames().encode(None, "exec_command"), ("client", "exec_command"))
        self.assertEqual(ChildNames().encode("client", "exec_command"), ("client_client", "exec_command"))

    def test_a_reserved_namespace_is_renamed_and_holds_only_tools_of_codex(self) -> None:
        for namespace in set(RESERVED_NAMESPACES) - {"functions"}:
            self.assertEqual(ChildNames().encode(namespace, "run"), (f"client_{namespace}", "run"))
            self.assertTrue(is_codex_namespace(namespace))
        for namespace in (None, "functions", "mcp_x", "client_web"):
            self.assertFalse(is_codex_namespace(namespace))

    def test_a_reserved_name_is_renamed_in_every_namespace(self) -> None:
        for namespace in (None, "mine"):
            for name in ("mcp", "mcp__x", "mcp__x__y"):
                self.assertEqual(ChildNames().encode(namespace, name), (namespace, f"client_{name}"))

    def test_a_name_that_a_renamed_one_would_be_equal_to_is_renamed_too(self) -> None:
        for name, renamed in (
            ((None, "client_mcp__x"), (None, "client_client_mcp__x")),
            (("client_web", "run"), ("client_client_web", "run")),
            (("client_client_mcp", "mcp"), ("client_client_client_mcp", "client_mcp")),
        ):
            self.assertEqual(ChildNames().encode(*name), renamed)

    def test_the_namespace_of_plain_functions_is_none_unless_a_plain_function_has_the_name(self) -> None:
        self.assertEqual(ChildNames().encode("functions", "exec"), (None, "exec"))
        both = ChildNames((Tool(name="exec"), Tool(name="exec", namespace="functions")))
        self.assertEqual(both.encode("functions", "exec"), ("client_functions", "exec"))
        self.assertEqual(both.encode("functions", "wait"), (None, "wait"))

    def test_a_tool_and_its_calls_have_the_same_name(self) -> None:
        for namespace, name in (("python", "run"), ("mcp__tiny", "mcp__shout"), ("client", "x")):
            tool = Tool(name=name, namespace=namespace)
            (group,) = encode_dynamic_tools((tool,))
            (call,) = encode_items((ToolCall(call_id="c", name=name, arguments="{}", namespace=namespace),))
            self.assertEqual(group["name"], call["namespace"])
            self.assertEqual([tool["name"] for tool in group["tools"]], [call["name"]])

    def test_a_required_tool_is_named_as_the_model_sees_it(self) -> None:
        tools = (Tool(name="mcp__x"), Tool(name="other"))
        turn = Turn(model="m", items=(), tools=tools, tool_choice=ToolChoice("required", ("mcp__x",)))
        (message,) = profile.build_requirements(turn)
        self.assertIn(": client_mcp__x.", message.parts[0].text)  # type: ignore[union-attr]

    @given(tool_sets)
    def test_the_child_accepts_every_name_and_every_call_comes_back_under_the_clients_name(
        self, wanted: list[QualifiedName]
    ) -> None:
        tools = build_tools(wanted)
        child_names = ChildNames(tools)
        sent = [child_names.encode(tool.namespace, tool.name) for tool in tools]
        self.assertEqual(len(set(sent)), len(tools))
        for namespace, name in sent:
            self.assertTrue(VALID.fullmatch(name), name)
            self.assertNotIn((namespace, name), [(None, "exec_command"), (None, "shell_command")])
            self.assertFalse(name == "mcp" or name.startswith("mcp__"))
            self.assertTrue(namespace is None or VALID.fullmatch(namespace))
            self.assertNotIn(namespace, RESERVED_NAMESPACES)
            self.assertFalse((namespace or "").startswith("mcp__"))
        translator = TurnTranslator(Turn(model="m", items=(), tools=tools))
        for number, (namespace, name) in enumerate(sent):
            events = translator.add_call(str(number), name, namespace, "{}")
            (opened,) = [event for event in events if isinstance(event, e.CallOpened)]
            self.assertEqual((opened.namespace, opened.name), wanted[number])

    @given(tool_sets, tool_sets)
    def test_a_chat_server_accepts_every_name_and_every_call_is_found(
        self, wanted: list[QualifiedName], in_history: list[QualifiedName]
    ) -> None:
        tools = build_tools(wanted)
        chat_names = ToolNames(tools)
        everything = list(dict.fromkeys((*wanted, *in_history)))
        sent = {chat_names.encode(*name): name for name in everything}
        self.assertEqual(len(sent), len(everything))
        for name in sent:
            self.assertTrue(VALID.fullmatch(name), name)
        for tool in tools:
            self.assertEqual(chat_names.find_tool(chat_names.encode(tool.namespace, tool.name)), tool)
