"""Encoding of the history as Chat messages."""

from typing import Any

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.messages import encode_messages
from codexd.backs.chat.tool_names import ToolNames
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import (
    ImagePart,
    Item,
    Message,
    Reasoning,
    RefusalPart,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
    WebSearchCall,
)
from tests.support.chat_turns import turns

TEXT = (TextPart("a"),)
IMAGE = ImagePart("https://example.org/a.png", "original")


def written(*items: Item, instructions: str | None = None, capabilities: ServerCapabilities | None = None) -> list[Any]:
    turn = Turn(model="m", items=items, instructions=instructions)
    return encode_messages(turn, ToolNames(), capabilities or ServerCapabilities())


def call(id: str, name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


class ResultTests(SynchronousTestCase):
    def test_several_results_of_one_call_are_one_message(self) -> None:
        """Codex as a client sends what its code reports while it runs as further outputs of the same call."""
        results = (ToolResult("a", (TextPart("1"),)), ToolResult("a", (TextPart("2"), IMAGE)))
        said = written(ToolCall(call_id="a", name="f", arguments="{}"), *results)
        self.assertEqual(said[1], {"role": "tool", "tool_call_id": "a", "content": "1\n2"})
        self.assertEqual(said[2]["content"][0]["image_url"]["url"], IMAGE.url)

    def test_the_results_of_an_id_that_is_used_again_go_to_each_call(self) -> None:
        call_again = ToolCall(call_id="a", name="f", arguments="{}")
        results = [ToolResult("a", (TextPart(text),)) for text in "123"]
        said = written(call_again, results[0], call_again, *results[1:])
        self.assertEqual([one["content"] for one in said if one["role"] == "tool"], ["1", "2\n3"])


class MessageTests(SynchronousTestCase):
    def test_instructions_come_first_in_the_role_the_server_knows(self) -> None:
        developer = Message(role="developer", parts=TEXT)
        for knows, role in ((False, "system"), (True, "developer")):
            capabilities = ServerCapabilities(developer_role=knows, merge_system=False)
            found = written(developer, instructions="be", capabilities=capabilities)
            self.assertEqual(found, [{"role": role, "content": "be"}, {"role": role, "content": "a"}])
        self.assertEqual(written(Message(role="system", parts=TEXT))[0]["role"], "system")

    def test_content_is_text_or_parts(self) -> None:
        self.assertEqual(written(Message(role="user", parts=()))[0]["content"], "")
        self.assertEqual(
            written(Message(role="user", parts=(*TEXT, IMAGE)))[0]["content"],
            [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": IMAGE.url, "detail": "high"}},
            ],
        )

    def test_a_refusal_is_encoded_as_text(self) -> None:
        said = written(Message(role="assistant", parts=(RefusalPart("no"),)))
        self.assertEqual(said, [{"role": "assistant", "content": "no"}])

    def test_calls_are_part_of_the_assistant_message_before_them(self) -> None:
        found = written(
            Message(role="assistant", parts=TEXT),
            ToolCall(call_id="1", name="f", arguments="{}"),
            ToolCall(call_id="2", name="g", arguments=""),
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

    def test_content_is_null_for_calls_without_text(self) -> None:
        self.assertEqual(
            written(ToolCall(call_id="1", name="f", arguments="{}")),
            [{"role": "assistant", "content": None, "tool_calls": [call("1")]}],
        )

    def test_results_follow_their_calls_wherever_they_were(self) -> None:
        found = written(
            ToolCall(call_id="1", name="f", arguments="{}"),
            Message(role="user", parts=TEXT),
            ToolCall(call_id="2", name="f", arguments="{}"),
            ToolResult("2", TEXT),
            ToolResult("1", TEXT),
        )
        order = [(one["role"], one.get("tool_call_id")) for one in found]
        self.assertEqual(
            order,
            [("assistant", None), ("tool", "1"), ("user", None), ("assistant", None), ("tool", "2")],
        )

    def test_a_reused_call_id_has_its_own_result_each_time(self) -> None:
        rounds = (
            (ToolCall(call_id="1", name="f", arguments="{}"), ToolResult("1", TEXT)),
            (ToolCall(call_id="1", name="f", arguments="{}"), ToolResult("1", (TextPart("b"),))),
        )
        found = written(*(item for items in rounds for item in items))
        self.assertEqual([one["content"] for one in found if one["role"] == "tool"], ["a", "b"])

    def test_a_result_without_its_call_is_refused(self) -> None:
        refused = self.assertRaises(FaultError, written, ToolResult("1", TEXT))
        self.assertEqual(refused.fault.kind, "orphan_tool_output")

    def test_the_parts_of_a_result_are_joined_as_those_of_a_message(self) -> None:
        parts = (TextPart("a"), TextPart("b"))
        user, _, result = written(
            Message(role="user", parts=parts), ToolCall(call_id="1", name="f", arguments="{}"), ToolResult("1", parts)
        )
        self.assertEqual((user["content"], result["content"]), ("a\nb", "a\nb"))

    def test_reasoning_may_be_a_part_of_the_content(self) -> None:
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
        capabilities = ServerCapabilities(reasoning="thinking_part")
        said, called = Message(role="assistant", parts=TEXT), ToolCall(call_id="1", name="f", arguments="{}")
        for item, content in ((said, [thinking, {"type": "text", "text": "a"}]), (called, [thinking])):
            found = written(Reasoning(content=("hm",)), item, capabilities=capabilities)
            self.assertEqual(found[0]["content"], content)

    def test_a_failed_result_says_that_the_tool_failed(self) -> None:
        found = written(ToolCall(call_id="1", name="f", arguments="{}"), ToolResult("1", TEXT, success=False))
        self.assertEqual(found[1]["content"], "The tool failed: a")

    def test_images_of_a_result_follow_in_a_user_message(self) -> None:
        found = written(
            ToolCall(call_id="1", name="f", arguments="{}"),
            ToolCall(call_id="2", name="f", arguments="{}"),
            ToolResult("1", (IMAGE,)),
            ToolResult("2", TEXT),
        )
        self.assertEqual([one["role"] for one in found], ["assistant", "tool", "tool", "user"])
        self.assertEqual(found[1]["content"], "The tool's result is in the next message.")
        self.assertEqual(found[3]["content"][0]["type"], "image_url")

    def test_reasoning_is_sent_back_in_the_servers_field(self) -> None:
        items = (
            Reasoning(summary=("s",), content=("hm", "ah")),
            Message(role="assistant", parts=TEXT),
            Reasoning(summary=("t",)),
            ToolCall(call_id="1", name="f", arguments="{}"),
        )
        self.assertNotIn("reasoning_content", written(*items)[0])
        found = written(*items, capabilities=ServerCapabilities(reasoning="reasoning_content"))
        self.assertEqual([one["reasoning_content"] for one in found], ["hm\n\nah\n\nt"])

    def test_reasoning_before_a_user_message_is_dropped(self) -> None:
        found = written(
            Reasoning(summary=("s",)),
            Message(role="user", parts=TEXT),
            capabilities=ServerCapabilities(reasoning="reasoning"),
        )
        self.assertEqual([one["role"] for one in found], ["user"])

    def test_a_search_and_an_empty_assistant_message_leave_no_message(self) -> None:
        self.assertEqual(written(WebSearchCall("ws_1"), Message(role="assistant", parts=())), [])

    def test_a_call_of_a_custom_tool_is_encoded_as_the_tool_is(self) -> None:
        patch = ToolCall(call_id="1", name="patch", arguments="*** Begin", kind="custom")
        self.assertEqual(written(patch)[0]["tool_calls"], [call("1", "patch", '{"input":"*** Begin"}')])
        native = written(patch, capabilities=ServerCapabilities(custom_tools=True))[0]["tool_calls"]
        self.assertEqual(native, [{"id": "1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}])

    @settings.get_profile("few")
    @given(turns())
    def test_every_tool_message_answers_a_call_of_the_preceding_assistant_message(self, turn: Turn) -> None:
        capabilities = ServerCapabilities(images=True, audio=True, files=True)
        open_calls: list[str] = []
        results = 0
        for one in encode_messages(turn, ToolNames(turn.tools), capabilities):
            if one["role"] == "tool":
                open_calls.remove(one["tool_call_id"])
                results += 1
            else:
                open_calls = [each["id"] for each in one.get("tool_calls", ())]
        self.assertEqual(results, sum(isinstance(item, ToolResult) for item in turn.items))
