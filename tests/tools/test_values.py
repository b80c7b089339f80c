"""What stands in a tag."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.values import escape, exact, spell, spell_text, text_of, unescape, untyped
from codexd.wire import json
from tests.support.blocks import values
from tests.support.sentences import texts


class LawTests(SynchronousTestCase):
    @given(values())
    def test_what_is_spelled_is_read_again(self, value: json.Json) -> None:
        found = untyped(spell(value))
        self.assertEqual((json.canonical(found), type(found)), (json.canonical(value), type(value)))

    @given(values().filter(lambda value: isinstance(value, str)) | st.text())
    def test_a_text_is_read_again_as_text(self, text: str) -> None:
        self.assertEqual((text_of(spell_text(text)), untyped(spell_text(text))), (text, text))

    @given(values())
    def test_nothing_spelled_looks_like_a_tag(self, value: json.Json) -> None:
        self.assertNotIn("<", spell(value))

    @given(st.text() | texts())
    def test_what_is_escaped_is_unescaped_again(self, text: str) -> None:
        self.assertEqual(unescape(escape(text)), text)


class SpellTests(SynchronousTestCase):
    def test_texts_stand_as_they_are_and_all_else_as_json(self) -> None:
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
            self.assertEqual(spell(value), written)

    def test_a_text_that_would_be_taken_for_something_else_gets_its_own_lines(self) -> None:
        for text in ("5", "true", '["a"]', "\na\n", " 7"):
            self.assertEqual(spell(text), f"\n{text}\n")


class ReadTests(SynchronousTestCase):
    def test_what_models_write_is_understood(self) -> None:
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
            self.assertEqual(untyped(raw), value)

    def test_great_numbers_are_not_exact(self) -> None:
        self.assertEqual(
            [exact(json.decode(t)) for t in ("1e3", "[1e30]", '{"a":99999999999999999999}')],
            [True, False, False],
        )
