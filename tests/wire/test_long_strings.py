"""Tests of codexd.wire.long_strings."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json, long_strings

TEXTS = st.text(st.sampled_from('ab\u00e9\u6f22"\\, ') | st.characters(exclude_categories=["Cs"])) | st.builds(
    lambda text, times: text * times, st.sampled_from(("ab", "\u00e9", "a,[1]")), st.integers(0, 60)
)
VALUES = st.recursive(
    st.integers(0, 10**12) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


class LongStringsTests(SynchronousTestCase):
    @given(VALUES, st.integers(1, 20))
    @example([[1] * 99], 3)
    @example({"a" * 50: "a" * 50}, 3)
    @example(["codexd-stretch-0-", "a" * 50], 3)
    def test_the_value_is_the_same(self, value: Any, size: int) -> None:
        data = json.encode(value)
        self.assertEqual(long_strings.decode(data, 0, size), value)

    @given(st.binary(max_size=60), st.integers(1, 9))
    def test_what_is_no_json_stays_none(self, data: bytes, size: int) -> None:
        if json.is_valid(data):
            self.assertEqual(long_strings.decode(data, 0, size), json.decode(data))
        else:
            self.assertRaises(json.JsonError, long_strings.decode, data, 0, size)

    def test_images_of_megabytes_are_decoded(self) -> None:
        value = {"a": ["x" * 3_000_000, {"b": "y" * 2_500_000}], "c": 'z"' * 1_000_000}
        self.assertEqual(long_strings.decode(json.encode(value)), value)
