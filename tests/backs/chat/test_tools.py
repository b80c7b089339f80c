"""The offer of tools, and the choice among them."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.names import Names
from codexd.backs.chat.tools import offer
from codexd.neutral.turn import Tool, ToolChoice, Turn
from codexd.wire import json

ADD = Tool("add", "Adds.", '{"type":"object"}', True)
READ = Tool("read", namespace="files")
GRAMMAR = '{"type":"grammar","syntax":"lark","definition":"start: x"}'
PATCH = Tool("patch", "Patches.", kind="custom", grammar=GRAMMAR)


def offered(*tools: Tool, choice: ToolChoice = ToolChoice(), native: bool = False, **more: Any) -> Any:  # noqa: B008
    turn = Turn("m", (), tools=tools, tool_choice=choice, **more)
    return json.decode(json.encode(offer(turn, Names(tools), Dialect(custom_tools=native))))


def names(members: Any) -> list[str]:
    return [tool[tool["type"]]["name"] for tool in members["tools"]]


class OfferTests(SynchronousTestCase):
    def test_no_tools_are_no_members_at_all(self) -> None:
        self.assertEqual(offered(choice=ToolChoice("none"), parallel_tool_calls=False), {})

    def test_a_function_is_nested(self) -> None:
        body = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}, "strict": True}
        self.assertEqual(offered(ADD), {"tools": [{"type": "function", "function": body}]})

    def test_a_namespace_is_part_of_the_name(self) -> None:
        self.assertEqual(names(offered(READ, Tool("read"))), ["files__read", "read"])

    def test_a_custom_tool_is_a_function_of_one_text_or_its_own_self(self) -> None:
        function = offered(PATCH)["tools"][0]["function"]
        self.assertEqual(list(function["parameters"]["properties"]), ["input"])
        self.assertIn("start: x", function["description"])
        custom = offered(PATCH, native=True)["tools"][0]["custom"]
        self.assertEqual(custom["format"]["grammar"], {"syntax": "lark", "definition": "start: x"})

    def test_parallel_calls_are_spoken_of_only_when_they_are_not_wanted(self) -> None:
        self.assertNotIn("parallel_tool_calls", offered(ADD))
        self.assertIs(offered(ADD, parallel_tool_calls=False)["parallel_tool_calls"], False)


class ChoiceTests(SynchronousTestCase):
    def test_modes_go_as_they_are_and_auto_is_left_out(self) -> None:
        self.assertNotIn("tool_choice", offered(ADD))
        for mode in ("none", "required"):
            self.assertEqual(offered(ADD, choice=ToolChoice(mode))["tool_choice"], mode)  # type: ignore[arg-type]

    def test_one_that_must_be_called_is_named_as_it_is_offered(self) -> None:
        members = offered(ADD, READ, choice=ToolChoice("required", ("read",)))
        self.assertEqual(names(members), ["add", "files__read"])
        self.assertEqual(members["tool_choice"], {"type": "function", "function": {"name": "files__read"}})
        native = offered(PATCH, native=True, choice=ToolChoice("required", ("patch",)))["tool_choice"]
        self.assertEqual(native, {"type": "custom", "custom": {"name": "patch"}})

    def test_allowed_tools_narrow_the_offer(self) -> None:
        members = offered(ADD, READ, PATCH, choice=ToolChoice("required", ("add", "patch")))
        self.assertEqual((names(members), members["tool_choice"]), (["add", "patch"], "required"))
        self.assertEqual(names(offered(ADD, READ, choice=ToolChoice("auto", ("add",)))), ["add"])
