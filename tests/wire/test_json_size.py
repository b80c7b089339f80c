"""Tests of codexd.wire.json_size."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json, json_size
from codexd.wire.json_size import count_openings, has_more_values
from tests.support.growth import assert_linear

TEXTS = st.text(st.sampled_from('\\"a,[]{}: \u00e9'), max_size=9)
VALUES = st.recursive(
    st.none() | st.integers(0, 99) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=30,
)


def count_marks(value: Any) -> int:
    """Return the commas and opening brackets of a value's JSON outside of its strings."""
    if not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(len(value) - 1, 0) + sum(map(count_marks, inner))


class JsonSizeTests(SynchronousTestCase):
    @given(VALUES, st.integers(1, 7))
    def test_values_are_counted_outside_of_strings_wherever_the_text_is_cut(self, value: Any, slice_bytes: int) -> None:
        self.patch(json_size, "_SLICE_BYTES", slice_bytes)
        data, marks = json.encode(value), count_marks(value)
        self.assertFalse(has_more_values(data, marks))
        self.assertTrue(marks == 0 or has_more_values(data, marks - 1))

    @given(VALUES)
    def test_no_text_nests_deeper_than_its_openings(self, value: Any) -> None:
        self.assertFalse(json.nests_deeper([value], count_openings(json.encode([value]))))

    @given(st.binary(), st.integers(0, 3))
    def test_any_bytes_have_an_answer(self, data: bytes, limit: int) -> None:
        self.assertIn(has_more_values(data, limit), (True, False))

    def test_marks_in_a_long_text_are_not_values(self) -> None:
        data = json.encode({"text": 'a, b {c} [d] "e" \\' * 100_000})
        self.assertFalse(has_more_values(data, 1000))

    def test_the_time_is_linear(self) -> None:
        for name, piece in (("quotes", b'""'), ("backslashes", b"\\"), ("escapes", b'\\",'), ("commas", b'",",')):
            assert_linear(self, lambda n, piece=piece: lambda: has_more_values(b'"' + piece * n, 9**9), 400_000, name)  # type: ignore[misc]
            assert_linear(self, lambda n, piece=piece: lambda: has_more_values(b"[" * 9 + piece * n, 4), 400_000, name)  # type: ignore[misc]
