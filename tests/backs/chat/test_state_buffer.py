"""Tests of codexd.backs.chat.state_buffer."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.state_buffer import StateBuffer
from tests.support.chunking import chunkings


def built(*fragments: dict[str, Any]) -> dict[str, Any]:
    buffer = StateBuffer()
    for fragment in fragments:
        buffer.add(fragment)
    return buffer.build()


def detail(**members: Any) -> dict[str, Any]:
    return {"reasoning_details": [members]}


class StateBufferTests(SynchronousTestCase):
    def test_it_is_true_when_it_contains_anything(self) -> None:
        buffer = StateBuffer()
        self.assertFalse(buffer)
        buffer.add({"extra_content": {}})
        self.assertTrue(buffer)

    def test_objects_are_merged_and_other_values_replaced(self) -> None:
        found = built({"a": {"b": 1, "c": {"d": 1}}, "e": "x"}, {"a": {"c": {"f": 2}}, "e": "y"})
        self.assertEqual(found, {"a": {"b": 1, "c": {"d": 1, "f": 2}}, "e": "y"})

    def test_texts_of_an_entry_are_joined_and_its_signature_is_kept(self) -> None:
        for index in ({}, {"index": 0}):
            text = {"type": "reasoning.text", "format": "anthropic-claude-v1", **index}
            found = built(detail(**text, text="He"), detail(**text, text="llo"), detail(**text, signature="s"))
            self.assertEqual(found, detail(**text, text="Hello", signature="s"))

    def test_a_signature_ends_an_entry_without_index(self) -> None:
        first, second = {"type": "thinking", "thinking": "a", "signature": "s"}, {"type": "thinking", "thinking": "b"}
        found = built({"thinking_blocks": [first]}, {"thinking_blocks": [second]})
        self.assertEqual(found, {"thinking_blocks": [first, second]})

    def test_encrypted_entries_and_entries_of_one_array_stay_apart(self) -> None:
        secret = {"type": "reasoning.encrypted", "data": "x", "index": 0}
        self.assertEqual(built(detail(**secret), detail(**secret)), {"reasoning_details": [secret, secret]})
        texts = {
            "reasoning_details": [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}]
        }
        self.assertEqual(built(texts), texts)

    def test_entries_with_other_indexes_may_interleave(self) -> None:
        found = built(
            *(detail(type="reasoning.summary", index=at, summary=text) for at, text in ((0, "a"), (1, "b"), (0, "c")))
        )
        self.assertEqual([one["summary"] for one in found["reasoning_details"]], ["ac", "b"])

    def test_a_complete_message_replaces_the_fragments(self) -> None:
        buffer = StateBuffer()
        buffer.add(detail(type="reasoning.text", text="He"))
        buffer.add(detail(type="reasoning.text", text="Hello"), complete=True)
        self.assertEqual(buffer.build(), detail(type="reasoning.text", text="Hello"))

    def test_values_of_other_shapes_are_kept(self) -> None:
        self.assertEqual(built({"a": [1, None], "b": None}, {"a": ["x"]}), {"a": [1, None, "x"], "b": None})

    @given(st.text(min_size=1).flatmap(chunkings), st.booleans())
    def test_any_fragmentation_of_a_text_gives_the_same_state(self, pieces: list[str], indexed: bool) -> None:
        place = {"index": 3} if indexed else {}
        found = built(*(detail(type="reasoning.text", text=piece, **place) for piece in pieces))
        self.assertEqual(found, detail(type="reasoning.text", text="".join(pieces), **place))
