"""Chat messages to neutral items."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.chat.history import parse_messages
from codexd.fronts.json_fields import Fields
from codexd.neutral.turn import ImagePart, Item, Message, RefusalPart, TextPart, ToolCall, ToolResult
from tests.fronts.test_json_fields import refusal

USER = {"role": "user", "content": "hi"}
HI = Message(role="user", parts=(TextPart("hi"),))


def items(*messages: Any, customs: tuple[str, ...] = ()) -> tuple[Item, ...]:
    """Parse messages."""
    return parse_messages(Fields({"messages": list(messages)}), customs)


def calling(*ids: str, **more: Any) -> dict[str, Any]:
    """Build an assistant message that calls a function for every id."""
    calls = [{"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def answering(id: str, content: Any = "ok") -> dict[str, Any]:
    """Build a tool message."""
    return {"role": "tool", "tool_call_id": id, "content": content}


class MessageTests(SynchronousTestCase):
    def test_every_role_is_preserved(self) -> None:
        for role in ("system", "developer", "user", "assistant"):
            found = items({"role": role, "content": "hi", "name": "somebody"})
            self.assertEqual(found, (Message(role=role, parts=(TextPart("hi"),)),))

    def test_content_parts_are_kept_apart(self) -> None:
        parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://a/b"}}]
        found = items({"role": "user", "content": parts})
        self.assertEqual(found, (Message(role="user", parts=(TextPart("a"), ImagePart("https://a/b"))),))

    def test_an_empty_assistant_message_is_left_out(self) -> None:
        for content in ("", None, [], [{"type": "text", "text": ""}]):
            self.assertEqual(items(USER, {"role": "assistant", "content": content}), (HI,))
        self.assertEqual(items(USER, {"role": "assistant"}), (HI,))

    def test_an_empty_user_message_is_preserved(self) -> None:
        self.assertEqual(items({"role": "user", "content": ""}), (Message(role="user", parts=(TextPart(""),)),))
        self.assertEqual(items({"role": "user", "content": []}), (Message(role="user", parts=()),))

    def test_a_refusal_is_kept_after_the_text(self) -> None:
        found = items({"role": "assistant", "content": "a", "refusal": "no"})
        self.assertEqual(found, (Message(role="assistant", parts=(TextPart("a"), RefusalPart("no"))),))

    def test_messages_are_required(self) -> None:
        for fields in ({}, {"messages": None}, {"messages": []}):
            found = refusal(lambda fields=fields: parse_messages(Fields(fields), ()))
            self.assertEqual((found.kind, found.param), ("missing", "messages"))

    def test_a_wrong_message_is_rejected_at_its_place(self) -> None:
        for message, kind, param in (
            ("hi", "wrong_type", "messages[1]"),
            ({}, "missing", "messages[1].role"),
            ({"role": "robot"}, "wrong_value", "messages[1].role"),
            ({"role": "user", "content": 1}, "wrong_type", "messages[1].content"),
            ({"role": "user", "content": [{"type": "x"}]}, "wrong_value", "messages[1].content[0].type"),
            ({"role": "assistant", "tool_calls": {}}, "wrong_type", "messages[1].tool_calls"),
            ({"role": "assistant", "tool_calls": [{}]}, "missing", "messages[1].tool_calls[0].id"),
            (
                {"role": "assistant", "tool_calls": [{"id": "a"}]},
                "missing",
                "messages[1].tool_calls[0].function",
            ),
            (
                {"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]},
                "missing",
                "messages[1].tool_calls[0].function.name",
            ),
            (calling("a", "a"), "wrong_value", "messages[1].tool_calls[1].id"),
            ({"role": "tool", "content": "a"}, "missing", "messages[1].tool_call_id"),
            ({"role": "function", "content": "a"}, "missing", "messages[1].name"),
        ):
            found = refusal(lambda message=message: items(USER, message))
            self.assertEqual((found.kind, found.param), (kind, param))


class ToolTests(SynchronousTestCase):
    def test_calls_and_results_are_separate_items_in_order(self) -> None:
        found = items(USER, calling("a", "b", content="let me see"), answering("b", "2"), answering("a", []))
        self.assertEqual(
            found,
            (
                HI,
                Message(role="assistant", parts=(TextPart("let me see"),)),
                ToolCall(call_id="a", name="f", arguments="{}"),
                ToolCall(call_id="b", name="f", arguments="{}"),
                ToolResult("b", (TextPart("2"),)),
                ToolResult("a", ()),
            ),
        )

    def test_a_result_may_come_in_parts(self) -> None:
        parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        found = items(calling("a"), answering("a", parts))
        self.assertEqual(found[-1], ToolResult("a", (TextPart("a"), TextPart("b"))))

    def test_custom_calls_keep_their_raw_input_and_their_kind(self) -> None:
        call = {"id": "a", "type": "custom", "custom": {"name": "patch", "input": "*** Begin\n"}}
        found = items({"role": "assistant", "tool_calls": [call]}, answering("a"))
        self.assertEqual(
            found,
            (
                ToolCall(call_id="a", name="patch", arguments="*** Begin\n", kind="custom"),
                ToolResult("a", (TextPart("ok"),), "custom"),
            ),
        )

    def test_a_custom_tool_called_in_function_form_is_custom_again(self) -> None:
        call = {"id": "a", "type": "function", "function": {"name": "patch", "arguments": "*** Begin"}}
        found = items({"role": "assistant", "tool_calls": [call]}, customs=("patch",))
        self.assertEqual(found, (ToolCall(call_id="a", name="patch", arguments="*** Begin", kind="custom"),))

    def test_type_and_arguments_may_be_left_out(self) -> None:
        found = items({"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]})
        self.assertEqual(found, (ToolCall(call_id="a", name="f", arguments=""),))

    def test_several_assistant_messages_in_a_row_are_one_block(self) -> None:
        found = items(calling("a"), {"role": "assistant", "content": "and"}, calling("b"), answering("a"))
        self.assertEqual(found[-1], ToolResult("a", (TextPart("ok"),)))

    def test_a_message_may_come_between_a_call_and_its_result(self) -> None:
        found = items(calling("a", "b"), answering("a"), USER, answering("b"))
        self.assertEqual(found[-1], ToolResult("b", (TextPart("ok"),)))

    def test_a_call_may_stay_unanswered(self) -> None:
        self.assertEqual(items(calling("a"), USER), (ToolCall(call_id="a", name="f", arguments="{}"), HI))

    def test_ids_may_come_again_in_another_block(self) -> None:
        found = items(calling("a"), answering("a", "1"), calling("a"), answering("a", "2"))
        self.assertEqual(found[-1], ToolResult("a", (TextPart("2"),)))

    def test_a_result_without_a_call_is_an_orphan(self) -> None:
        for messages, place in (
            ((answering("a"),), 0),
            ((USER, answering("a")), 1),
            ((calling("b"), answering("a")), 1),
            ((calling("a"), answering("a"), answering("a")), 2),
            ((calling("a"), USER, {"role": "assistant", "content": "x"}, answering("a")), 3),
        ):
            found = refusal(lambda messages=messages: items(*messages))
            self.assertEqual(found.kind, "orphan_tool_output")
            self.assertEqual(found.param, f"messages[{place}].tool_call_id")


class LegacyTests(SynchronousTestCase):
    CALL = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    RESULT = {"role": "function", "name": "f", "content": "ok"}

    def test_a_function_call_and_its_result_get_an_id_from_their_position(self) -> None:
        found = items(USER, self.CALL, self.RESULT, self.CALL, self.RESULT)
        self.assertEqual(
            found[1:],
            (
                ToolCall(call_id="call_function_1", name="f", arguments="{}"),
                ToolResult("call_function_1", (TextPart("ok"),)),
                ToolCall(call_id="call_function_3", name="f", arguments="{}"),
                ToolResult("call_function_3", (TextPart("ok"),)),
            ),
        )

    def test_the_same_history_gives_the_same_ids_when_it_grows(self) -> None:
        short = items(USER, self.CALL)
        self.assertEqual(items(USER, self.CALL, self.RESULT, USER)[: len(short)], short)

    def test_results_of_one_name_answer_its_calls_in_their_order(self) -> None:
        found = items(self.CALL, self.CALL, self.RESULT, {**self.RESULT, "content": "later"})
        self.assertEqual(
            found[2:],
            (
                ToolResult("call_function_0", (TextPart("ok"),)),
                ToolResult("call_function_1", (TextPart("later"),)),
            ),
        )

    def test_a_result_of_another_name_is_an_orphan(self) -> None:
        for messages in (
            (self.RESULT,),
            (self.CALL, {**self.RESULT, "name": "g"}),
            (self.CALL, USER, self.CALL),
        ):
            found = refusal(lambda messages=messages: items(*messages, self.RESULT, self.RESULT))
            self.assertEqual(found.kind, "orphan_tool_output")
            self.assertTrue(str(found.param).endswith("].name"))
