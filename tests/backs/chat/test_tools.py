"""Encoding of tools and of the tool choice."""

import time
import timeit
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.tool_names import ToolNames
from codexd.backs.chat.tools import encode_tools
from codexd.fronts.json_fields import Fields
from codexd.fronts.parameters import parse_tool_choice
from codexd.neutral.turn import Tool, ToolChoice, Turn
from codexd.wire import json

ADD = Tool(name="add", description="Adds.", parameters='{"type":"object"}', strict=True)
READ = Tool(name="read", namespace="files")
GRAMMAR = '{"type":"grammar","syntax":"lark","definition":"start: x"}'
PATCH = Tool(name="patch", description="Patches.", kind="custom", grammar=GRAMMAR)


def offered(*tools: Tool, choice: ToolChoice = ToolChoice(), native: bool = False, **more: Any) -> Any:  # noqa: B008
    turn = Turn(model="m", items=(), tools=tools, tool_choice=choice, **more)
    return json.decode(json.encode(encode_tools(turn, ToolNames(tools), ServerCapabilities(custom_tools=native))))


def names(members: Any) -> list[str]:
    return [tool[tool["type"]]["name"] for tool in members["tools"]]


OBJECT = {"type": "object", "properties": {}}


class ToolTests(SynchronousTestCase):
    def test_without_tools_no_members_are_sent(self) -> None:
        self.assertEqual(offered(choice=ToolChoice("none"), parallel_tool_calls=False), {})

    def test_a_function_is_nested(self) -> None:
        body = {"name": "add", "description": "Adds.", "parameters": OBJECT, "strict": True}
        self.assertEqual(offered(ADD), {"tools": [{"type": "function", "function": body}]})

    def test_a_namespace_is_part_of_the_name(self) -> None:
        self.assertEqual(names(offered(READ, Tool(name="read"))), ["files__read", "read"])

    def test_a_custom_tool_is_encoded_as_a_function_or_as_a_custom_tool(self) -> None:
        function = offered(PATCH)["tools"][0]["function"]
        self.assertEqual(list(function["parameters"]["properties"]), ["input"])
        self.assertIn("start: x", function["description"])
        custom = offered(PATCH, native=True)["tools"][0]["custom"]
        self.assertEqual(custom["format"]["grammar"], {"syntax": "lark", "definition": "start: x"})

    def test_parallel_tool_calls_is_sent_only_when_false(self) -> None:
        self.assertNotIn("parallel_tool_calls", offered(ADD))
        self.assertIs(offered(ADD, parallel_tool_calls=False)["parallel_tool_calls"], False)


class ChoiceTests(SynchronousTestCase):
    def test_modes_are_sent_unchanged_and_auto_is_omitted(self) -> None:
        self.assertNotIn("tool_choice", offered(ADD))
        for mode in ("none", "required"):
            self.assertEqual(offered(ADD, choice=ToolChoice(mode))["tool_choice"], mode)  # type: ignore[arg-type]

    def test_one_required_tool_is_named_in_the_choice(self) -> None:
        members = offered(ADD, READ, choice=ToolChoice("required", ("read",)))
        self.assertEqual(names(members), ["add", "files__read"])
        self.assertEqual(members["tool_choice"], {"type": "function", "function": {"name": "files__read"}})
        native = offered(PATCH, native=True, choice=ToolChoice("required", ("patch",)))["tool_choice"]
        self.assertEqual(native, {"type": "custom", "custom": {"name": "patch"}})

    def test_allowed_tools_limit_the_tools_sent(self) -> None:
        members = offered(ADD, READ, PATCH, choice=ToolChoice("required", ("add", "patch")))
        self.assertEqual((names(members), members["tool_choice"]), (["add", "patch"], "required"))
        self.assertEqual(names(offered(ADD, READ, choice=ToolChoice("auto", ("add",)))), ["add"])

    def test_the_time_for_an_allowed_tool_does_not_grow_with_their_number(self) -> None:
        for measure in (measure_decoding, measure_encoding):
            few, many = (measure(count) / count for count in (1000, 20_000))
            self.assertLess(many, 5 * few, measure.__name__)


def measure_decoding(count: int) -> float:
    """Return the seconds in which `allowed_tools` with this many names is parsed."""
    declared = [f"f{number}" for number in range(count)]
    tools = [{"type": "function", "name": name} for name in declared]
    fields = Fields({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": tools}})
    return _seconds(lambda: parse_tool_choice(fields, declared))


def measure_encoding(count: int) -> float:
    """Return the seconds in which both back ends find this many allowed tools."""
    tools = tuple(Tool(name=f"f{number}") for number in range(count))
    choice = ToolChoice("auto", tuple(tool.name for tool in tools))
    turn = Turn(model="m", items=(), tools=tools, tool_choice=choice)
    names = ToolNames(tools)
    return _seconds(lambda: (encode_tools(turn, names, ServerCapabilities()), turn.visible_tools))


def _seconds(run: Callable[[], object]) -> float:
    return min(timeit.repeat(run, timer=time.process_time, number=1, repeat=3))
