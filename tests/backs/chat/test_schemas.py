"""Tests of codexd.backs.chat.schemas."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.schemas import repair_parameters
from codexd.wire import json

EMPTY = {"type": "object", "properties": {}}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def repaired(schema: dict[str, Any]) -> Any:
    return json.decode(repair_parameters(json.encode(schema).decode()))


class RepairTests(SynchronousTestCase):
    def test_schemas_without_a_usable_type_become_objects(self) -> None:
        for schema in (
            {},
            {"type": None},
            {"type": "null"},
            {"type": "object"},
            {"type": ["object", "null"]},
            {"properties": None},
        ):
            self.assertEqual(repaired(schema), EMPTY, schema)

    def test_the_rest_of_a_schema_is_kept(self) -> None:
        for kind in (None, ["object", "null"], ["null", "object"]):
            self.assertEqual(repaired({**CITY, "type": kind}), CITY)
        untyped = {name: value for name, value in CITY.items() if name != "type"}
        self.assertEqual(repaired(untyped), CITY)

    def test_a_choice_between_null_and_one_object_is_that_object(self) -> None:
        for name in ("anyOf", "oneOf"):
            for null in ({"type": "null"}, {"type": ["null"]}, {"enum": [None]}):
                self.assertEqual(repaired({name: [CITY, null], "title": "T"}), {"title": "T", **CITY})

    def test_a_choice_between_objects_is_kept(self) -> None:
        schema = {"anyOf": [CITY, {**CITY, "required": []}]}
        self.assertEqual(repaired(schema), schema | EMPTY)

    def test_a_local_reference_is_resolved(self) -> None:
        definitions = {"$defs": {"City": CITY}}
        self.assertEqual(repaired({"$ref": "#/$defs/City", **definitions}), definitions | CITY)
        circular = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
        self.assertEqual(repaired(circular)["type"], "object")
        self.assertEqual(repaired({"$ref": "#/nowhere"}), {"$ref": "#/nowhere", **EMPTY})

    def test_null_types_inside_are_removed_but_values_are_not_changed(self) -> None:
        inner = {"type": None, "description": "d", "default": {"type": None}}
        schema = {"type": "object", "properties": {"a": inner, "b": {"type": "array", "items": inner}}}
        clean = {"description": "d", "default": {"type": None}}
        properties = {"a": clean, "b": {"type": "array", "items": clean}}
        self.assertEqual(repaired(schema), {"type": "object", "properties": properties})

    def test_schemas_of_other_types_are_left_to_the_server(self) -> None:
        for schema in ({"type": "string"}, {"type": ["array", "null"], "items": {}}):
            self.assertEqual(repaired(schema), schema)

    @settings.get_profile("few")
    @given(
        st.dictionaries(
            st.text(max_size=3),
            st.recursive(
                st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            ),
            max_size=3,
        )
    )
    def test_a_valid_schema_is_returned_unchanged(self, members: dict[str, Any]) -> None:
        schemas = {name: {"description": value} for name, value in members.items()}
        for schema in (
            {"type": "object", "properties": schemas},
            {"properties": schemas, "title": "T", "type": "object"},
        ):
            text = json.encode(schema).decode()
            self.assertIs(repair_parameters(text), text)

    @settings.get_profile("few")
    @given(
        st.dictionaries(
            st.sampled_from(("type", "properties", "anyOf", "oneOf", "$ref", "items", "$defs")),
            st.recursive(
                st.none() | st.sampled_from(("object", "null", "string", "#/$defs/a", 1)),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(("type", "properties", "a", "anyOf")), inner, max_size=3)
                ),
            ),
            max_size=4,
        )
    )
    def test_any_object_is_accepted_and_a_repair_is_final(self, schema: dict[str, Any]) -> None:
        once = repair_parameters(json.encode(schema).decode())
        self.assertEqual(repair_parameters(once), once)
