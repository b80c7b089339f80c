"""Tests of codexd.tools.schema."""

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.schema import decode_schema, decode_typed, get_properties
from codexd.tools.values import encode_value
from codexd.wire import json
from tests.support.tool_blocks import values

_TYPE_NAMES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}


class DecodeTypedTests(SynchronousTestCase):
    @given(values())
    def test_an_encoded_value_of_the_schemas_type_is_decoded(self, value: json.Json) -> None:
        found = decode_typed(encode_value(value), {"type": _TYPE_NAMES[type(value)]})
        self.assertEqual((json.encode_canonical(found), type(found)), (json.encode_canonical(value), type(value)))

    def test_the_type_determines_the_value(self) -> None:
        strings, numbers = {"type": "string"}, {"type": ["number", "null"]}
        table = (
            ("2024", strings, "2024"),
            ('["a"]', strings, '["a"]'),
            ("<item>a</item>", strings, "<item>a</item>"),
            ("\n 5 \n", numbers, 5),
            ("null", numbers, None),
            ("True", {"type": "boolean"}, True),
            ("many", {"type": "integer"}, "many"),
            ('\n["a"]\n', {"type": "array"}, ["a"]),
            ("<item>5</item>\n<item>b</item>", {"type": "array", "items": strings}, ["5", "b"]),
            ("<a>5</a><b>5</b>", {"type": "object", "properties": {"a": strings}}, {"a": "5", "b": 5}),
            ("null", {"type": ["string", "null"]}, None),
            ("5", {"anyOf": [strings, {"type": "null"}]}, "5"),
            ("5", {"oneOf": [strings, {"type": "integer"}]}, 5),
            ("5", {"enum": ["5", "6"]}, "5"),
            ("5", {"const": "5"}, "5"),
            ("5", {"enum": [5]}, 5),
            ("5", {"anyOf": [strings, {"$ref": "#/x"}]}, 5),
        )
        for raw, schema, value in table:
            found = decode_typed(raw, schema)
            self.assertEqual((found, type(found)), (value, type(value)), schema)

    def test_without_a_type_the_look_determines_the_value(self) -> None:
        for schema in (None, {}, True, {"type": 7}, {"description": "x"}):
            found = [decode_typed(raw, schema) for raw in ("5", "a", "<item>1</item><item>b</item>", "<p>a</p>")]
            self.assertEqual(found, [5, "a", [1, "b"], "<p>a</p>"])


class SchemaTests(SynchronousTestCase):
    def test_an_invalid_schema_is_empty(self) -> None:
        self.assertEqual([decode_schema(text) for text in ("{", "[]", '{"a":1}')], [{}, {}, {"a": 1}])
        self.assertEqual([get_properties(schema) for schema in (None, {}, {"properties": []})], [{}, {}, {}])
