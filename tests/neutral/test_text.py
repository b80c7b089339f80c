"""The rule for joining text parts, at every door and both back ends."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.request import encode_request
from codexd.backs.chat.tool_names import ToolNames
from codexd.backs.items import encode_items, encode_result_content
from codexd.fronts import chat, responses
from codexd.fronts.dialect import RequestOptions
from codexd.neutral.stored import LoadedHistory
from codexd.neutral.text import join_text_parts, join_texts, merge_adjacent_texts
from codexd.neutral.turn import ImagePart, Message, Part, RefusalPart, TextPart, ToolResult, Turn
from codexd.tools.tool_prompt import convert_tools_to_text
from codexd.wire import json

texts = st.lists(st.text("ab\n <", max_size=4), max_size=4)
PICTURE = ImagePart("data:image/png;base64,AA==")


class JoinTests(SynchronousTestCase):
    def test_each_text_begins_on_a_new_line_and_an_empty_one_adds_none(self) -> None:
        self.assertEqual(join_texts(("a", "", "b")), "a\nb")
        self.assertEqual(join_text_parts((TextPart("a"), PICTURE, RefusalPart("no"))), "a\nno")
        self.assertEqual(join_texts(()), "")

    @given(texts, texts)
    def test_joining_in_steps_is_joining_at_once(self, first: list[str], second: list[str]) -> None:
        self.assertEqual(join_texts((join_texts(first), join_texts(second))), join_texts(first + second))

    @given(st.lists(st.sampled_from((TextPart("a"), TextPart("b"), TextPart("c", ("{}",)), PICTURE)), max_size=6))
    def test_merging_keeps_the_text_the_order_and_everything_else(self, parts: list[Part]) -> None:
        merged = merge_adjacent_texts(parts)
        self.assertEqual(join_text_parts(merged), join_text_parts(parts))
        self.assertEqual(merge_adjacent_texts(merged), merged)
        for kept in (PICTURE, *(part for part in parts if isinstance(part, TextPart) and part.annotations)):
            noted = [part for part in merged if part == kept or getattr(part, "annotations", None)]
            self.assertGreaterEqual(len(noted), min(parts.count(kept), 1))


def decode_chat(content: list[str]) -> Turn:
    parts = [{"type": "text", "text": text} for text in content]
    messages = [
        {"role": "user", "content": parts},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "c", "content": parts},
    ]
    return chat.decode(json.encode({"model": "m", "messages": messages}), RequestOptions(principal="p")).turn


def decode_responses(content: list[str]) -> Turn:
    parts = [{"type": "input_text", "text": text} for text in content]
    items = [
        {"role": "user", "content": parts},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": parts},
    ]
    pending = responses.decode_pending(json.encode({"model": "m", "input": items}), RequestOptions(principal="p"))
    return pending.complete(LoadedHistory()).turn


class EveryDoorTests(SynchronousTestCase):
    """Parts stay parts in the neutral language and for Codex; a string for an upstream has one line per part."""

    @given(texts.filter(bool), st.sampled_from((decode_chat, decode_responses)))
    def test_a_message_and_a_result_of_equal_parts_are_joined_alike(self, content: list[str], decode: object) -> None:
        turn = decode(content)  # type: ignore[operator]
        parts = tuple(map(TextPart, content))
        message, _, result = turn.items
        self.assertEqual((message.parts, result.parts), (parts, parts))
        asked = json.decode(encode_request(turn, ToolNames(turn.tools), ServerCapabilities()).body)["messages"]
        self.assertEqual([asked[0]["content"], asked[-1]["content"]], [join_texts(content)] * 2)

    @given(texts.filter(bool))
    def test_parts_stay_parts_for_codex(self, content: list[str]) -> None:
        parts = tuple(map(TextPart, content))
        result = ToolResult("c", parts)
        message, output = encode_items((Message(role="user", parts=parts), result))
        self.assertEqual([part["text"] for part in message["content"]], content)
        sent = output["output"]
        self.assertEqual([sent] if isinstance(sent, str) else [part["text"] for part in sent], content)
        self.assertEqual([part["text"] for part in encode_result_content(result)], content)

    @given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4))
    def test_a_result_that_is_described_as_text_has_one_line_per_part(self, content: list[str]) -> None:
        result = ToolResult("c", tuple(map(TextPart, content)))
        (message,) = convert_tools_to_text(Turn(model="m", items=(result,))).items
        assert isinstance(message, Message)
        self.assertIn(f"<result>{join_texts(content)}</result>", join_text_parts(message.parts))
