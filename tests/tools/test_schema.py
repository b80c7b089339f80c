"""What a schema makes of what stands in a tag."""

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from codexd.tools.schema import decoded, properties, typed
from codexd.tools.values import spell
from codexd.wire import json
from tests.support.blocks import values

_NAMES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}


class TypedTests(SynchronousTestCase):
    @given(values())
    def test_a_value_of_the_schemas_type_is_read_again(self, value: json.Json) -> None:
        found = typed(spell(value), {"type": _NAMES[type(value)]})
        self.assertEqual((json.canonical(found), type(found)), (json.canonical(value), type(value)))

    def test_the_type_decides(self) -> None:
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
            found = typed(raw, schema)
            self.assertEqual((found, type(found)), (value, type(value)), schema)

    def test_without_a_type_things_are_what_they_look_like(self) -> None:
        for schema in (None, {}, True, {"type": 7}, {"description": "x"}):
            found = [typed(raw, schema) for raw in ("5", "a", "<item>1</item><item>b</item>", "<p>a</p>")]
            self.assertEqual(found, [5, "a", [1, "b"], "<p>a</p>"])


class SchemaTests(SynchronousTestCase):
    def test_a_schema_that_is_none_says_nothing(self) -> None:
        self.assertEqual([decoded(text) for text in ("{", "[]", '{"a":1}')], [{}, {}, {"a": 1}])
        self.assertEqual([properties(schema) for schema in (None, {}, {"properties": []})], [{}, {}, {}])
