"""Strict parsing of request fields."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.json_fields import MAX_DEPTH, MAX_IGNORED, Fields, parse_body
from codexd.neutral.fault import Fault, FaultError
from codexd.wire import json

ONE = Fields(
    {
        "text": "a",
        "empty": "",
        "yes": True,
        "whole": 5,
        "round": 5.0,
        "broken": 5.5,
        "list": [{"a": 1}, {"b": 2}],
        "object": {"inner": "x"},
        "null": None,
    },
    "at[0]",
)

REFUSALS: tuple[tuple[Callable[[], Any], str, str], ...] = (
    (lambda: ONE.text("whole"), "wrong_type", "at[0].whole"),
    (lambda: ONE.flag("whole", False), "wrong_type", "at[0].whole"),
    (lambda: ONE.flag("text", False), "wrong_type", "at[0].text"),
    (lambda: ONE.number("yes", 0, 9), "wrong_type", "at[0].yes"),
    (lambda: ONE.number("text", 0, 9), "wrong_type", "at[0].text"),
    (lambda: ONE.number("whole", 0, 4), "wrong_value", "at[0].whole"),
    (lambda: ONE.number("whole", 6, 9), "wrong_value", "at[0].whole"),
    (lambda: ONE.integer("yes", 0, 9), "wrong_type", "at[0].yes"),
    (lambda: ONE.integer("broken", 0, 9), "wrong_type", "at[0].broken"),
    (lambda: ONE.integer("whole", 6, 9), "wrong_value", "at[0].whole"),
    (lambda: ONE.integer("whole", 1, 4), "wrong_value", "at[0].whole"),
    (lambda: ONE.choice("text", ("b",)), "wrong_value", "at[0].text"),
    (lambda: ONE.object("list"), "wrong_type", "at[0].list"),
    (lambda: ONE.array("object"), "wrong_type", "at[0].object"),
    (lambda: Fields({"list": [{}, 1]}).objects("list"), "wrong_type", "list[1]"),
    (lambda: ONE.required_text("gone"), "missing", "at[0].gone"),
    (lambda: ONE.required_text("null"), "missing", "at[0].null"),
    (lambda: ONE.required_name("empty"), "wrong_value", "at[0].empty"),
    (lambda: ONE.required_choice("gone", ("a",)), "missing", "at[0].gone"),
    (lambda: ONE.required_object("gone"), "missing", "at[0].gone"),
    (lambda: ONE.required_array("gone"), "missing", "at[0].gone"),
    (lambda: ONE.required_object("object").required_text("no"), "missing", "at[0].object.no"),
    (lambda: ONE.objects("list")[1].required_text("no"), "missing", "at[0].list[1].no"),
)


def refusal(act: Callable[[], Any]) -> Fault:
    """Return the fault that is raised."""
    try:
        found = act()
    except FaultError as refused:
        return refused.fault
    raise AssertionError(f"not refused: {found!r}")


def nested(depth: int) -> bytes:
    """Return an object that nests so deep."""
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


class FieldsTests(SynchronousTestCase):
    def test_every_error_names_its_field(self) -> None:
        for act, kind, param in REFUSALS:
            found = refusal(act)
            self.assertEqual((found.kind, found.param, found.status), (kind, param, 400))
            self.assertIn(param, found.message)

    def test_fields_of_the_right_type_are_parsed(self) -> None:
        self.assertEqual(ONE.text("text"), "a")
        self.assertIs(ONE.flag("yes", False), True)
        self.assertEqual(ONE.number("whole", 0, 5), 5.0)
        self.assertEqual(ONE.integer("round", 5, 5), 5)
        self.assertIs(type(ONE.integer("round", 5, 5)), int)
        self.assertEqual(ONE.choice("text", ("a",)), "a")
        self.assertEqual(ONE.required_object("object").required_text("inner"), "x")
        self.assertEqual([one.path for one in ONE.objects("list")], ["at[0].list[0]", "at[0].list[1]"])

    def test_null_is_the_same_as_absent(self) -> None:
        for name in ("null", "gone"):
            self.assertFalse(ONE.has(name))
            self.assertIsNone(ONE.text(name))
            self.assertIs(ONE.flag(name, True), True)
            self.assertIsNone(ONE.number(name, 0, 1))
            self.assertIsNone(ONE.integer(name, 0, 1))
            self.assertIsNone(ONE.choice(name, ()))
            self.assertIsNone(ONE.object(name))
            self.assertIsNone(ONE.array(name))
            self.assertEqual(ONE.objects(name), [])

    def test_an_error_never_quotes_the_value(self) -> None:
        secret = Fields({"a": "my secret prompt"})
        for act in (lambda: secret.choice("a", ("b",)), lambda: secret.flag("a", False)):
            self.assertNotIn("secret", refusal(act).message)

    def test_ignored_fields_are_those_that_ask_for_something_unknown(self) -> None:
        fields = Fields({"known": 1, "store": True, "logprobs": False, "user": None, "x-y.z": 0})
        self.assertEqual(fields.ignored(("known",)), ("store", "logprobs", "x-y.z"))
        self.assertEqual(Fields({"store": False, "async": False, "user": None}).ignored(()), ())

    def test_the_rest_is_those_fields_as_they_came(self) -> None:
        fields = Fields({"known": 1, "store": {"z": 1.0, "a": [None]}, "logprobs": False, "a b": 1, "user": None})
        self.assertEqual(fields.rest(("known",)), '{"store":{"z":1.0,"a":[null]},"logprobs":false}')
        self.assertEqual(Fields({}).rest(()), "{}")

    def test_names_unfit_for_a_header_are_not_listed(self) -> None:
        fields = Fields({"a\r\nset-cookie: b": 1, "é": 1, "": 1, "x" * 65: 1, "fine": 1})
        self.assertEqual(fields.ignored(()), ("fine",))

    def test_the_number_of_listed_ignored_fields_is_limited(self) -> None:
        many = Fields({f"field_{count}": 1 for count in range(1000)})
        self.assertEqual(len(many.ignored(())), MAX_IGNORED)


class BodyTests(SynchronousTestCase):
    def test_what_is_not_json_is_rejected(self) -> None:
        for data in (b"", b"{", b"{'a': 1}", b"\xff", b'{"a":"\\ud800"}', b"{}{}", b"NaN", b"model=x"):
            self.assertEqual(refusal(lambda data=data: parse_body(data)).kind, "malformed_json", data)

    def test_what_is_not_an_object_is_rejected(self) -> None:
        for data in (b"[]", b"1", b"1.5", b'"a"', b"null", b"true"):
            self.assertEqual(refusal(lambda data=data: parse_body(data)).kind, "wrong_type", data)

    def test_the_nesting_depth_is_limited(self) -> None:
        parse_body(nested(MAX_DEPTH))
        for depth in (MAX_DEPTH + 1, 1000, 100_000):
            self.assertIn(refusal(lambda depth=depth: parse_body(nested(depth))).status, (400,))
        self.assertEqual(refusal(lambda: parse_body(nested(MAX_DEPTH + 1))).kind, "wrong_value")

    def test_arrays_nest_as_objects_do(self) -> None:
        deep = b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}"
        self.assertEqual(refusal(lambda: parse_body(deep)).kind, "wrong_value")

    @given(st.dictionaries(st.text(), st.recursive(st.integers(-9, 9) | st.text(), st.lists)))
    def test_any_object_is_parsed_as_it_came(self, value: dict[str, Any]) -> None:
        self.assertEqual(parse_body(json.encode(value)), Fields(value))
