"""codexd.wire.canonical_json: one spelling for all spellings of a JSON text."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import canonical_json
from codexd.wire.canonical_json import canonical_text

SPACES = st.text(" \t\n\r", max_size=2)
# A fraction is a tuple: a sign, digits, and the exponent of the last one.
FRACTIONS = st.tuples(st.sampled_from(("", "-")), st.text("0123456789", min_size=1, max_size=30), st.integers(-40, 40))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FRACTIONS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def spell(value: Any, draw: st.DrawFn) -> str:
    """Return one of the spellings of a value."""
    before, after = draw(SPACES), draw(SPACES)
    return f"{before}{_spell(value, draw)}{after}"


def _spell(value: Any, draw: st.DrawFn) -> str:
    if isinstance(value, str):
        return _spell_text(value, draw)
    if isinstance(value, tuple):
        return _spell_fraction(*value, draw)
    if isinstance(value, list):
        return "[" + ",".join(spell(one, draw) for one in value) + draw(SPACES) + "]"
    if isinstance(value, dict):
        names = draw(st.permutations(list(value)))
        spelled = ((draw(SPACES) + _spell_text(name, draw) + draw(SPACES), spell(value[name], draw)) for name in names)
        members = (f"{name}:{one}" for name, one in spelled)
        return "{" + ",".join(members) + draw(SPACES) + "}"
    return json.dumps(value)


def _spell_text(text: str, draw: st.DrawFn) -> str:
    written = json.dumps(text, ensure_ascii=draw(st.booleans()))
    return written.replace("/", "\\/") if draw(st.booleans()) else written


def _spell_fraction(sign: str, digits: str, exponent: int, draw: st.DrawFn) -> str:
    """Return a number with an exponent and, most often, a point; zeros at the end do not change it."""
    zeros = draw(st.integers(0, 3))
    digits, exponent = digits + "0" * zeros, exponent - zeros
    point = draw(st.integers(1, len(digits)))
    whole, fraction = digits[:point].lstrip("0") or "0", digits[point:]
    letter = draw(st.sampled_from(("e", "E", "e+" if exponent + len(fraction) >= 0 else "e")))
    return f"{sign}{whole}{'.' if fraction else ''}{fraction}{letter}{exponent + len(fraction)}"


def identity(value: Any) -> Any:
    """Return what two values must share to be the same JSON: the kind and the exact value."""
    if isinstance(value, tuple):
        sign, digits, exponent = value
        significant = digits.lstrip("0").rstrip("0")
        return ("fraction", sign, significant, exponent + len(digits) - len(digits.rstrip("0")) if significant else 0)
    if isinstance(value, list):
        return ("list", *map(identity, value))
    if isinstance(value, dict):
        return ("object", *sorted((name, repr(identity(one))) for name, one in value.items()))
    return (type(value).__name__, value)


class CanonicalTextTests(SynchronousTestCase):
    @given(VALUES, st.data())
    def test_all_spellings_of_a_value_have_the_same_one(self, value: Any, data: st.DataObject) -> None:
        first, second = (spell(value, data.draw) for _ in range(2))
        self.assertEqual(canonical_text(first), canonical_text(second))

    @given(VALUES, VALUES, st.data())
    def test_different_values_have_different_ones(self, one: Any, other: Any, data: st.DataObject) -> None:
        if repr(identity(one)) != repr(identity(other)):
            self.assertNotEqual(canonical_text(spell(one, data.draw)), canonical_text(spell(other, data.draw)))

    @given(VALUES, st.data())
    def test_a_value_that_python_writes_again_has_the_same_one(self, value: Any, data: st.DataObject) -> None:
        text = spell(value, data.draw)
        if all(len(digits) < 15 for digits in _digits(value)):
            again = json.dumps(json.loads(text), indent=2, sort_keys=True)
            self.assertEqual(canonical_text(again), canonical_text(text))

    def test_fractions_in_any_spelling(self) -> None:
        for spellings in (
            ("1.5", "1.50", "15e-1", "0.15E+1", "150.0e-2"),
            ("0.0", "0e7", "0.00"),
            ("100.0", "1e2", "1E+2"),
            ("-1e-7", "-0.0000001"),
        ):
            self.assertEqual(len(set(map(canonical_text, spellings))), 1, spellings)

    def test_values_that_differ(self) -> None:
        for texts in (
            ("1", "1.0", '"1"', "true", "[1]"),
            ("12345678901234567890", "12345678901234567891", "12345678901234567890.0"),
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.1000000000000000055511151231257827", "0.1000000000000000055511151231257828"),
            ("1e400", "1e401", "-1e400"),
            ("0.0", "-0.0"),
            ("null", "{}", "[]", '""', "0", "false"),
            ('{"a":1,"a":2}', '{"a":2}', '{"a":2,"a":1}'),
            ('"\\ud83d"', '"\\ude00"', '"\\ud83d\\ude00"'),
            ('"a"', '"A"', '" a"'),
            ("NaN", "Infinity", '"NaN"'),
        ):
            self.assertEqual(len(set(map(canonical_text, texts))), len(texts), texts)

    def test_a_text_cannot_pretend_to_be_a_fraction(self) -> None:
        forged = canonical_text("1.5")
        self.assertNotEqual(canonical_text(forged.replace(":", ": ")), forged)
        self.assertEqual(canonical_text(forged), forged)

    def test_what_is_not_json_is_returned_unchanged(self) -> None:
        for text in ("", " ", "{", "{'a': 1}", "1 2", "\ufeff{}", '"\n"', "[" * 10**5, "9" * 5000, f"1e{'9' * 5000}"):
            self.assertEqual(canonical_text(text), text)

    def test_a_text_with_too_many_values_is_returned_unchanged(self) -> None:
        few, many = ("[ " + "1.50, " * count + "1 ]" for count in (50_000, 50_001))
        self.assertNotEqual(canonical_text(few), few)
        self.assertIs(canonical_text(many), many)

    def test_long_texts_are_not_cached(self) -> None:
        canonical_json._cached.cache_clear()
        self.assertEqual(canonical_text(f'[ "{"a" * 5000}" ]'), f'["{"a" * 5000}"]')
        self.assertEqual(canonical_text("[ 1 ]"), canonical_text("[ 1 ]"))
        self.assertEqual(canonical_json._cached.cache_info()[:2], (1, 1))


def _digits(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [value[1]]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [digits for one in inner for digits in _digits(one)]
