"""Tests of the JSON codec: its behaviour in edge cases is a contract, independent of the library."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.json import JsonError, decode, encode, encode_canonical, fragment

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)

INVALID = {
    "a lone high surrogate": rb'"\ud800"',
    "a lone low surrogate": rb'"\udc00"',
    "reversed surrogates": rb'"\udc00\ud800"',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a number over a double": b"1e400",
    "a negative number over a double": b"[-1e400]",
    "invalid UTF-8": b'"\xff"',
    "an overlong UTF-8 form": b'"\xc0\xaf"',
    "an encoded surrogate": b'"\xed\xa0\x80"',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a control character": b'"a\x01b"',
    "a trailing comma": b"[1,]",
    "two values": b"{} {}",
    "nothing": b"",
    "nesting over 1024": b"[" * 1025 + b"]" * 1025,
}

UNENCODABLE = {
    "a lone surrogate": "\ud800",
    "a lone surrogate in a name": {"\udc00": 1},
    "an integer over 64 bits": 2**64,
    "a negative integer over 63 bits": -(2**63) - 1,
    "a name that is no string": {1: 2},
    "bytes": b"x",
    "a set": {1},
}


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value


class DecodeTests(SynchronousTestCase):
    def test_invalid_json_is_rejected(self) -> None:
        for case, text in INVALID.items():
            with self.assertRaises(JsonError, msg=case):
                decode(text)

    def test_a_python_string_with_a_lone_surrogate_is_rejected(self) -> None:
        self.assertRaises(JsonError, decode, '"\ud800"')

    def test_the_error_never_quotes_the_text(self) -> None:
        error = self.assertRaises(JsonError, decode, b'{"secret": sesame}')
        self.assertNotIn("s", str(error).split("column")[1].replace("char", ""))
        self.assertNotIn("sesame", str(error))

    def test_a_surrogate_pair_is_one_character(self) -> None:
        self.assertEqual(decode(rb'"\ud83d\ude00"'), "\U0001f600")

    def test_integers_are_exact_up_to_64_bits_and_floats_beyond(self) -> None:
        self.assertEqual(decode(b"[18446744073709551615,-9223372036854775808]"), [2**64 - 1, -(2**63)])
        for text in (b"18446744073709551616", b"-9223372036854775809", b"1" * 300):
            self.assertEqual((type(decode(text)), decode(text)), (float, float(text)))

    def test_an_underflowing_number_is_zero(self) -> None:
        self.assertEqual(decode(b"1e-400"), 0.0)

    def test_of_duplicate_names_the_last_counts(self) -> None:
        self.assertEqual(decode(b'{"a":1,"b":2,"a":3}'), {"a": 3, "b": 2})

    def test_nesting_of_1024_is_decoded(self) -> None:
        self.assertIsInstance(decode(b"[" * 1024 + b"]" * 1024), list)

    @given(st.binary())
    def test_arbitrary_bytes_raise_no_other_error(self, data: bytes) -> None:
        try:
            decode(data)
        except JsonError:
            pass


class EncodeTests(SynchronousTestCase):
    def test_values_without_a_json_form_are_rejected(self) -> None:
        for write in (encode, encode_canonical):
            for case, value in UNENCODABLE.items():
                with self.assertRaises(JsonError, msg=case):
                    write({"value": value})

    def test_nan_and_infinities_become_null(self) -> None:
        self.assertEqual(encode([float("nan"), float("inf"), -float("inf")]), b"[null,null,null]")

    def test_nesting_up_to_254_is_encoded(self) -> None:
        self.assertEqual(encode(nested(254)), b"[" * 254 + b"]" * 254)
        self.assertRaises(JsonError, encode, nested(255))

    def test_the_text_is_compact_utf8_without_newlines(self) -> None:
        self.assertEqual(encode({"a": ["é\n", 1.0]}), '{"a":["é\\n",1.0]}'.encode())

    def test_canonical_text_has_sorted_names(self) -> None:
        self.assertEqual(encode_canonical({"b": {"d": 1, "c": 2}, "a": 3}), b'{"a":3,"b":{"c":2,"d":1}}')

    def test_a_fragment_is_embedded_unchanged(self) -> None:
        self.assertEqual(encode({"a": fragment('{"b": 1e999}')}), b'{"a":{"b": 1e999}}')

    @given(VALUES)
    def test_decoding_reverses_encoding(self, value: object) -> None:
        self.assertEqual(decode(encode(value)), value)
        self.assertEqual(decode(encode_canonical(value)), value)
