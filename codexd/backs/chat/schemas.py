"""Repairs the JSON Schemas of functions that servers reject; a valid schema of an object is unchanged.

A function takes an object. Clients also send null types, types that may be null, references, and schemas without
a type or without properties, for functions without parameters above all.
"""

from typing import Any, Final

from codexd.neutral.turn import JsonText
from codexd.wire import json
from codexd.wire.json import Json

_UNTYPED: Final = '"type":null'
_USUAL_HEAD: Final = '{"type":"object","properties":{'
_CHOICES: Final = ("anyOf", "oneOf")
_MAX_STEPS: Final = 8
_MAX_DEPTH: Final = 64

_SCHEMAS_BY_NAME: Final = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_SCHEMA_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE_SCHEMAS: Final = ("items", "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames")


def repair_parameters(parameters: JsonText) -> JsonText:
    """Return the schema of an object for the parameters of a function; a valid one is returned unchanged.

    Args:
        parameters: a JSON object, in the form that `codexd.wire.json` encodes.
    """
    untyped = _UNTYPED in parameters
    if not untyped and parameters.startswith(_USUAL_HEAD):
        return parameters  # Without decoding: most schemas begin like this.
    schema: dict[str, Any] = json.decode(parameters)
    if not untyped and schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        return parameters
    repaired = _as_object(_without_null_types(schema, _MAX_DEPTH) if untyped else schema)
    return parameters if repaired == schema else json.encode(repaired).decode()


def _as_object(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object; one of another type is returned unchanged, so that the server reports it."""
    for _ in range(_MAX_STEPS):
        simpler = _simplify(schema)
        if simpler is None:
            break
        schema = simpler
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "object" not in kinds and any(one not in (None, "null") for one in kinds):
        return schema
    properties = schema.get("properties")
    return schema | {"type": "object", "properties": properties if isinstance(properties, dict) else {}}


def _simplify(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Replace a choice between null and one schema by that schema, or a local reference by its target, once."""
    for name in _CHOICES:
        choices = schema.get(name)
        if isinstance(choices, list):
            others = [one for one in choices if not _is_null(one)]
            if len(others) == 1 and len(choices) > 1 and isinstance(others[0], dict):
                return {key: value for key, value in schema.items() if key != name} | others[0]
    target = _find_target(schema)
    if target is None:
        return None
    return {key: value for key, value in schema.items() if key != "$ref"} | target


def _is_null(schema: Json) -> bool:
    return isinstance(schema, dict) and (schema.get("type") in ("null", ["null"]) or schema.get("enum") == [None])


def _find_target(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema that a local reference such as `#/$defs/Name` refers to."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    target: Json = schema
    for name in reference[2:].split("/"):
        target = target.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
    return target if isinstance(target, dict) else None


def _without_null_types(schema: Json, depth: int) -> Json:
    """Remove `"type": null`, which is not valid, from a schema and the schemas in it."""
    if not isinstance(schema, dict) or not depth:
        return schema
    cleaned = {name: value for name, value in schema.items() if name != "type" or value is not None}
    for name in _SINGLE_SCHEMAS:
        if name in cleaned:
            cleaned[name] = _without_null_types(cleaned[name], depth - 1)
    for name in _SCHEMA_LISTS:
        if isinstance(cleaned.get(name), list):
            cleaned[name] = [_without_null_types(one, depth - 1) for one in cleaned[name]]
    for name in _SCHEMAS_BY_NAME:
        if isinstance(cleaned.get(name), dict):
            cleaned[name] = {key: _without_null_types(one, depth - 1) for key, one in cleaned[name].items()}
    return cleaned
