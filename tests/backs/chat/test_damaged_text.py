"""Characters that a server cuts in half."""

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.chunk_parts import is_chunk
from codexd.neutral import event as e
from codexd.neutral.reply import fold
from codexd.wire import json
from tests.support.chat_chunks import DONE, Chunk, chunk, frames, translate
from tests.support.chunking import chunkings

# Stand for the halves of U+1F600 in what is encoded as JSON, which has no surrogates.
HIGH, LOW = "\ue03d", "\ue600"
_DISTANCE = 0x800


def stream(*chunks: Chunk) -> bytes:
    """Encode chunks as servers do that cut between UTF-16 units: with escapes of lone surrogates."""
    escaped = re.sub("[\ue000-\ue7ff]", lambda half: f"\\u{ord(half[0]) - _DISTANCE:04x}", frames(*chunks).decode())
    return escaped.encode()


def utf16_units(text: str) -> str:
    """Return a text with two halves in the place of each character beyond the Basic Multilingual Plane."""
    data = text.encode("utf-16-le")
    units = (int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2))
    return "".join(chr(unit + _DISTANCE if 0xD800 <= unit < 0xE000 else unit) for unit in units)


TEXTS = st.text(st.sampled_from('aé\U0001f600\U0001f469\u200d\n"'), min_size=1, max_size=8)
FIELDS = st.sampled_from(("content", "reasoning_content", "refusal"))


class DamagedTextTests(SynchronousTestCase):
    @given(TEXTS, FIELDS, st.data())
    def test_a_text_cut_between_any_units_is_whole_again(self, text: str, field: str, data: st.DataObject) -> None:
        pieces = data.draw(chunkings(utf16_units(text)))
        whole, cut = ([chunk({field: piece}) for piece in one] for one in ([text], pieces))
        end = (chunk({"content": "."}), chunk({}, "stop"))
        self.assertEqual(
            fold(translate(stream(*cut, *end) + DONE)).items, fold(translate(frames(*whole, *end) + DONE)).items
        )

    @given(TEXTS, st.data())
    def test_arguments_cut_between_any_units_are_whole_again(self, text: str, data: st.DataObject) -> None:
        arguments = json.encode({"a": text}).decode()
        head = chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "ha"}}]})
        pieces = data.draw(chunkings(utf16_units(arguments)))
        fragments = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces]
        events = translate(stream(head, *fragments, chunk({}, "tool_calls")) + DONE)
        self.assertEqual([call.arguments for call in fold(events).calls], [arguments])

    def test_a_half_that_is_alone_becomes_a_replacement_character(self) -> None:
        for pieces, text in (
            ([f"half {HIGH} end"], "half \ufffd end"),
            (["a" + HIGH, "b"], "a\ufffdb"),
            (["a" + HIGH], "a\ufffd"),
            ([LOW + "a"], "\ufffda"),
            ([HIGH, HIGH + LOW], "\ufffd\U0001f600"),
        ):
            events = translate(stream(*(chunk({"content": piece}) for piece in pieces), chunk({}, "stop")) + DONE)
            self.assertEqual((fold(events).text, events[-1]), (text, e.Ended("stop")), pieces)

    def test_a_half_belongs_to_the_text_of_its_kind(self) -> None:
        reply = fold(
            translate(stream(chunk({"reasoning": "a" + HIGH}), chunk({"content": LOW + "b"}), chunk({}, "stop")) + DONE)
        )
        self.assertEqual((reply.reasoning, reply.text), (("a\ufffd",), "\ufffdb"))

    def test_halves_in_names_ids_annotations_and_objects_are_replaced(self) -> None:
        call = {"index": 0, "id": "c" + HIGH, "function": {"name": "f" + HIGH, "arguments": {"a": HIGH}}}
        cited = {"type": "url_citation", "url_citation": {"url": "u", "title": HIGH}}
        events = translate(
            stream(chunk({"content": "a"}), chunk({"annotations": [cited]}), chunk({"tool_calls": [call]}, "stop"))
        )
        (found,) = fold(events).calls
        self.assertEqual((found.call_id, found.name, found.arguments), ("c\ufffd", "f\ufffd", '{"a":"\ufffd"}'))
        self.assertIn('"title":"\ufffd"', fold(events).text_parts[0].annotations[0])

    def test_invalid_utf_8_becomes_a_replacement_character(self) -> None:
        broken = frames(chunk({"content": "a?b"})).replace(b"?", b"\xf0\x9f")
        self.assertEqual(fold(translate(broken + frames(chunk({}, "stop")) + DONE)).text, "a\ufffdb")

    def test_other_invalid_json_stays_invalid(self) -> None:
        for data in (
            b'{"a":"\\ud83d"',
            b'{"a":NaN,"b":"\\ud83d"}',
            b"{\xff}",
            b'{"a":"\\ud83d",}',
            b"[" * 9999 + b"\xff",
        ):
            self.assertFalse(is_chunk(data), data[:20])
            self.assertEqual(type(translate(b"data: " + data + b"\n\n")[-1]), e.Failed)
