"""Chunks in any server's spelling."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.chunk_parts import (
    FUNCTION_CALL_INDEX,
    ChunkError,
    ChunkFinish,
    ChunkReasoning,
    ChunkRefusal,
    ChunkText,
    ChunkToolCall,
    parse_chunk,
)
from codexd.backs.chat.failures import MALFORMED
from codexd.wire import json


def pieces(delta: dict[str, Any] | None, finish: Any = None, member: str = "delta") -> list[Any]:
    return parse_chunk(json.encode({"choices": [{member: delta, "finish_reason": finish}]}))


def called(entry: Any, finish: str | None = None) -> Any:
    return pieces({"tool_calls": entry}, finish)[0]


class ChunkPartsTests(SynchronousTestCase):
    def test_an_empty_chunk_has_no_parts(self) -> None:
        for value in (None, [], "x", {}, {"choices": None}, {"choices": [None, {"index": 1}]}):
            self.assertEqual(parse_chunk(json.encode(value)), [])
        for delta in (None, {}, {"role": "assistant"}, {"content": None, "tool_calls": None, "refusal": ""}):
            self.assertEqual(pieces(delta), [])

    def test_invalid_json_is_an_error(self) -> None:
        self.assertEqual(parse_chunk(b"{"), [ChunkError(MALFORMED)])

    def test_reasoning_comes_first_and_the_finish_reason_last(self) -> None:
        found = pieces({"content": "so", "refusal": "no", "reasoning": "hm"}, "stop")
        self.assertEqual(found, [ChunkReasoning("hm"), ChunkText("so"), ChunkRefusal("no"), ChunkFinish("stop")])

    def test_parts_keep_their_order(self) -> None:
        content = [
            "a",
            {"type": "reasoning", "summary": [{"text": "b"}]},
            {"text": "c"},
            {"type": "refusal", "refusal": "d"},
        ]
        self.assertEqual(
            pieces({"content": content}),
            [ChunkText("a"), ChunkReasoning("b"), ChunkText("c"), ChunkRefusal("d")],
        )

    def test_a_message_instead_of_a_delta_is_complete(self) -> None:
        found = pieces({"content": "a", "tool_calls": [{"id": "c"}]}, member="message")
        self.assertEqual(found, [ChunkText("a", complete=True), ChunkToolCall(id="c", is_final=True)])

    def test_calls_are_parsed_nested_flat_custom_and_deprecated(self) -> None:
        nested = {"index": 2, "id": "c", "function": {"name": "f", "arguments": "{"}}
        self.assertEqual(called([nested]), ChunkToolCall(index=2, id="c", name="f", arguments="{"))
        self.assertEqual(called({"name": "f", "arguments": {"a": 1}}), ChunkToolCall(name="f", arguments='{"a":1}'))
        custom = {"type": "custom", "custom": {"name": "p", "input": "raw"}}
        self.assertEqual(
            called([custom], "stop"), ChunkToolCall(name="p", arguments="raw", is_custom=True, is_final=True)
        )
        legacy = pieces({"function_call": {"name": "f", "arguments": None}})
        self.assertEqual(legacy, [ChunkToolCall(index=FUNCTION_CALL_INDEX, name="f")])

    def test_index_and_id_of_another_type_are_ignored(self) -> None:
        for index in (-1, True, "0", 1.0, None):
            self.assertIsNone(called([{"index": index, "id": 7, "function": 7}]).index)
