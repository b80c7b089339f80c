"""Tests of codexd.tools.values."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.values import (
    decode_text,
    decode_untyped,
    encode_text,
    encode_value,
    escape,
    is_exact,
    unescape,
)
from codexd.wire import json
from tests.support.sentences import texts
from tests.support.tool_blocks import values


class LawTests(SynchronousTestCase):
    @given(values())
    def test_an_encoded_value_is_decoded_to_the_same_value(self, value: json.Json) -> None:
        found = decode_untyped(encode_value(value))
        self.assertEqual((json.encode_canonical(found), type(found)), (json.encode_canonical(value), type(value)))

    @given(values().filter(lambda value: isinstance(value, str)) | st.text())
    def test_an_encoded_text_is_decoded_to_the_same_text(self, text: str) -> None:
        self.assertEqual((decode_text(encode_text(text)), decode_untyped(encode_text(text))), (text, text))

    @given(values())
    def test_no_encoded_value_contains_a_tag(self, value: json.Json) -> None:
        self.assertNotIn("<", encode_value(value))

    @given(st.text() | texts())
    def test_unescape_reverses_escape(self, text: str) -> None:
        self.assertEqual(unescape(escape(text)), text)


class EncodeTests(SynchronousTestCase):
    def test_texts_stay_readable_and_other_values_become_json(self) -> None:
        table = (
            ("R&D <b>", "R&amp;D &lt;b>"),
            ("> quoted", "> quoted"),
            (5, "5"),
            (None, "null"),
            ("", ""),
            (["a", "<b> & c"], '["a","\\u003cb\\u003e \\u0026 c"]'),
            ("# Title\n\ntext\n", "# Title\n\ntext\n"),
        )
        for value, written in table:
            self.assertEqual(encode_value(value), written)

    def test_an_ambiguous_text_gets_its_own_lines(self) -> None:
        for text in ("5", "true", '["a"]', "\na\n", " 7"):
            self.assertEqual(encode_value(text), f"\n{text}\n")


class DecodeTests(SynchronousTestCase):
    def test_the_forms_that_models_write_are_decoded(self) -> None:
        table = (
            ("\n  first\n  second\n  ", "  first\n  second"),
            ("<![CDATA[a < b && c]]>", "a < b && c"),
            ("\n<![CDATA[7]]>\n", "7"),
            ("&quot;&#65;&#x42;&apos;&amp;lt;&nbsp; & &", "\"AB'&lt;&nbsp; & &"),
            ("&#xD800;&#9999999;", "&#xD800;&#9999999;"),
            ('"quoted"', '"quoted"'),
            ('[ "a" ]', ["a"]),
            ("1.5", 1.5),
            ("007", "007"),
            ("12345678901234567890123", "12345678901234567890123"),
        )
        for raw, value in table:
            self.assertEqual(decode_untyped(raw), value)

    def test_very_large_numbers_are_not_exact(self) -> None:
        self.assertEqual(
            [is_exact(json.decode(t)) for t in ("1e3", "[1e30]", '{"a":99999999999999999999}')],
            [True, False, False],
        )
