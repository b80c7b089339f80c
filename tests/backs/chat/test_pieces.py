"""Chunks, however they are spelled."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.failures import MALFORMED
from codexd.backs.chat.pieces import LEGACY, Broke, CallPiece, Finish, Refusal, Text, Thought, read
from codexd.wire import json


def pieces(delta: dict[str, Any] | None, finish: Any = None, member: str = "delta") -> list[Any]:
    return read(json.encode({"choices": [{member: delta, "finish_reason": finish}]}))


def called(entry: Any, finish: str | None = None) -> Any:
    return pieces({"tool_calls": entry}, finish)[0]


class PiecesTests(SynchronousTestCase):
    def test_what_says_nothing_has_no_pieces(self) -> None:
        for value in (None, [], "x", {}, {"choices": None}, {"choices": [None, {"index": 1}]}):
            self.assertEqual(read(json.encode(value)), [])
        for delta in (None, {}, {"role": "assistant"}, {"content": None, "tool_calls": None, "refusal": ""}):
            self.assertEqual(pieces(delta), [])

    def test_what_is_no_json_is_broken(self) -> None:
        self.assertEqual(read(b"{"), [Broke(MALFORMED)])

    def test_thoughts_come_before_text_and_the_end_after_all(self) -> None:
        found = pieces({"content": "so", "refusal": "no", "reasoning": "hm"}, "stop")
        self.assertEqual(found, [Thought("hm"), Text("so"), Refusal("no"), Finish("stop")])

    def test_parts_keep_their_order(self) -> None:
        content = [
            "a",
            {"type": "reasoning", "summary": [{"text": "b"}]},
            {"text": "c"},
            {"type": "refusal", "refusal": "d"},
        ]
        self.assertEqual(pieces({"content": content}), [Text("a"), Thought("b"), Text("c"), Refusal("d")])

    def test_a_message_in_the_place_of_a_delta_is_whole(self) -> None:
        found = pieces({"content": "a", "tool_calls": [{"id": "c"}]}, member="message")
        self.assertEqual(found, [Text("a", whole=True), CallPiece(id="c", last=True)])

    def test_calls_nested_flat_custom_and_alone(self) -> None:
        nested = {"index": 2, "id": "c", "function": {"name": "f", "arguments": "{"}}
        self.assertEqual(called([nested]), CallPiece(2, "c", "f", "{"))
        self.assertEqual(called({"name": "f", "arguments": {"a": 1}}), CallPiece(None, "", "f", '{"a":1}'))
        custom = {"type": "custom", "custom": {"name": "p", "input": "raw"}}
        self.assertEqual(called([custom], "stop"), CallPiece(None, "", "p", "raw", native=True, last=True))
        legacy = pieces({"function_call": {"name": "f", "arguments": None}})
        self.assertEqual(legacy, [CallPiece(LEGACY, "", "f", "")])

    def test_what_identifies_a_call_is_taken_only_as_what_it_should_be(self) -> None:
        for index in (-1, True, "0", 1.0, None):
            self.assertIsNone(called([{"index": index, "id": 7, "function": 7}]).index)
