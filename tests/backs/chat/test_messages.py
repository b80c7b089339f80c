"""The history as Chat messages."""

from typing import Any

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.messages import messages
from codexd.backs.chat.names import Names
from codexd.neutral.fault import Refused
from codexd.neutral.turn import (
    ImagePart,
    Item,
    Message,
    Reasoning,
    RefusalPart,
    Search,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
)
from tests.support.chat_turns import turns

TEXT = (TextPart("a"),)
IMAGE = ImagePart("https://example.org/a.png", "original")


def written(*items: Item, instructions: str | None = None, dialect: Dialect | None = None) -> list[Any]:
    turn = Turn("m", items, instructions)
    return messages(turn, Names(), dialect or Dialect())


def call(id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


class MessageTests(SynchronousTestCase):
    def test_instructions_come_first_in_the_role_the_server_knows(self) -> None:
        developer = Message("developer", TEXT)
        for knows, role in ((False, "system"), (True, "developer")):
            found = written(developer, instructions="be", dialect=Dialect(developer_role=knows))
            self.assertEqual(found, [{"role": role, "content": "be"}, {"role": role, "content": "a"}])
        self.assertEqual(written(Message("system", TEXT))[0]["role"], "system")

    def test_content_is_text_or_parts(self) -> None:
        self.assertEqual(written(Message("user", ()))[0]["content"], "")
        self.assertEqual(
            written(Message("user", (*TEXT, IMAGE)))[0]["content"],
            [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": IMAGE.url, "detail": "high"}},
            ],
        )

    def test_a_refusal_is_the_text_it_was(self) -> None:
        said = written(Message("assistant", (RefusalPart("no"),)))
        self.assertEqual(said, [{"role": "assistant", "content": "no"}])

    def test_calls_stand_in_the_message_that_was_said_with_them(self) -> None:
        found = written(
            Message("assistant", TEXT),
            ToolCall("1", "f", "{}"),
            ToolCall("2", "g", ""),
            ToolResult("1", TEXT),
            ToolResult("2", ()),
        )
        self.assertEqual(
            found,
            [
                {"role": "assistant", "content": "a", "tool_calls": [call("1"), call("2", "g")]},
                {"role": "tool", "tool_call_id": "1", "content": "a"},
                {"role": "tool", "tool_call_id": "2", "content": ""},
            ],
        )

    def test_without_text_beside_calls_content_is_null(self) -> None:
        self.assertEqual(
            written(ToolCall("1", "f", "{}")),
            [{"role": "assistant", "content": None, "tool_calls": [call("1")]}],
        )

    def test_results_follow_their_calls_wherever_they_stood(self) -> None:
        found = written(
            ToolCall("1", "f", "{}"),
            Message("user", TEXT),
            ToolCall("2", "f", "{}"),
            ToolResult("2", TEXT),
            ToolResult("1", TEXT),
        )
        order = [(one["role"], one.get("tool_call_id")) for one in found]
        self.assertEqual(
            order,
            [("assistant", None), ("tool", "1"), ("user", None), ("assistant", None), ("tool", "2")],
        )

    def test_an_id_that_comes_again_has_its_own_result_each_time(self) -> None:
        rounds = (
            (ToolCall("1", "f", "{}"), ToolResult("1", TEXT)),
            (ToolCall("1", "f", "{}"), ToolResult("1", (TextPart("b"),))),
        )
        found = written(*(item for items in rounds for item in items))
        self.assertEqual([one["content"] for one in found if one["role"] == "tool"], ["a", "b"])

    def test_a_result_without_its_call_is_refused(self) -> None:
        refused = self.assertRaises(Refused, written, ToolResult("1", TEXT))
        self.assertEqual(refused.fault.kind, "orphan_tool_output")

    def test_a_failed_tool_is_said_to_have_failed(self) -> None:
        found = written(ToolCall("1", "f", "{}"), ToolResult("1", TEXT, success=False))
        self.assertEqual(found[1]["content"], "The tool failed: a")

    def test_what_a_tool_showed_follows_in_a_users_message(self) -> None:
        found = written(
            ToolCall("1", "f", "{}"),
            ToolCall("2", "f", "{}"),
            ToolResult("1", (IMAGE,)),
            ToolResult("2", TEXT),
        )
        self.assertEqual([one["role"] for one in found], ["assistant", "tool", "tool", "user"])
        self.assertEqual(found[1]["content"], "What the tool gave back is in the next message.")
        self.assertEqual(found[3]["content"][0]["type"], "image_url")

    def test_reasoning_goes_back_where_it_is_wanted(self) -> None:
        items = (
            Reasoning(("s",), ("hm", "ah")),
            Message("assistant", TEXT),
            Reasoning(("t",)),
            ToolCall("1", "f", "{}"),
        )
        self.assertNotIn("reasoning_content", written(*items)[0])
        found = written(*items, dialect=Dialect(reasoning="reasoning_content"))
        self.assertEqual([one["reasoning_content"] for one in found], ["hm\n\nah\n\nt"])

    def test_a_thought_that_led_to_nothing_leaves_no_message(self) -> None:
        found = written(Reasoning(("s",)), Message("user", TEXT), dialect=Dialect(reasoning="reasoning"))
        self.assertEqual([one["role"] for one in found], ["user"])

    def test_a_search_and_an_assistant_who_said_nothing_leave_no_message(self) -> None:
        self.assertEqual(written(Search("ws_1"), Message("assistant", ())), [])

    def test_a_custom_tools_call_goes_as_its_tool_does(self) -> None:
        patch = ToolCall("1", "patch", "*** Begin", "custom")
        self.assertEqual(written(patch)[0]["tool_calls"], [call("1", "patch", '{"input":"*** Begin"}')])
        native = written(patch, dialect=Dialect(custom_tools=True))[0]["tool_calls"]
        self.assertEqual(
            native, [{"id": "1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}]
        )

    @settings(max_examples=60)
    @given(turns())
    def test_every_tool_message_answers_a_call_of_the_assistants_message_before_it(self, turn: Turn) -> None:
        dialect = Dialect(images=True, audio=True, files=True)
        open_calls: list[str] = []
        results = 0
        for one in messages(turn, Names(turn.tools), dialect):
            if one["role"] == "tool":
                open_calls.remove(one["tool_call_id"])
                results += 1
            else:
                open_calls = [each["id"] for each in one.get("tool_calls", ())]
        self.assertEqual(results, sum(isinstance(item, ToolResult) for item in turn.items))
