"""Decodes parameters by a tool's JSON Schema, as far as it distinguishes strings from other values."""

from typing import Final

from codexd.tools.block_parser import parse_children
from codexd.tools.values import decode_text, decode_untyped, decode_value
from codexd.wire import json
from codexd.wire.json import Json

_ITEM: Final = "item"

MAX_LEVELS: Final = 6
"""How deep tags are decoded; what is deeper in them is text, because every level is parsed again."""


def decode_schema(schema: str) -> dict[str, Json]:
    """Decode a schema; the result is empty if it is not a JSON object."""
    try:
        decoded = json.decode(schema)
    except json.JsonError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def get_properties(schema: Json) -> dict[str, Json]:
    """Return the schemas of an object's properties by name, in the schema's order."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def decode_typed(raw: str, schema: Json, levels: int = MAX_LEVELS) -> Json:
    """Decode the content of a parameter's tag by its schema; without a type in it, by how it looks."""
    types = _types(schema)
    nested = _decode_nested(raw, schema, types, levels) if levels else None
    if nested is not None:
        return nested
    if types == {"string"}:
        return decode_text(raw)
    if not types or "string" in types:
        return _decode_ambiguous(raw, types)
    return _decode_json(decode_text(raw))


def _types(schema: Json) -> set[str]:
    """Return the JSON types that a schema allows; empty if it does not say."""
    if not isinstance(schema, dict):
        return set()
    declared = schema.get("type")
    if isinstance(declared, str):
        return {declared}
    if isinstance(declared, list):
        return {one for one in declared if isinstance(one, str)}
    for keyword in ("anyOf", "oneOf"):
        if isinstance(branches := schema.get(keyword), list):
            types = [_types(branch) for branch in branches]
            return set().union(*types) if all(types) else set()
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return {"string"} if isinstance(values, list) and all(isinstance(v, str) for v in values) else set()


def _decode_nested(raw: str, schema: Json, types: set[str], levels: int) -> Json:
    """Decode tags inside a tag: an array of `<item>`, or an object if the schema allows one; else None."""
    if "<" not in raw or types == {"string"}:
        return None
    children = parse_children(raw)
    if not children:
        return None
    if all(tag == _ITEM for tag, _ in children) and (not types or "array" in types):
        items = schema.get("items") if isinstance(schema, dict) else None
        return [decode_typed(inner, items, levels - 1) for _, inner in children]
    if "object" in types:
        properties = get_properties(schema)
        return {tag: decode_typed(inner, properties.get(tag), levels - 1) for tag, inner in children}
    return None


def _decode_ambiguous(raw: str, types: set[str]) -> Json:
    """Decode a parameter that may be a string or something else."""
    if types == {"string", "null"}:
        return None if raw == "null" else decode_text(raw)
    return decode_untyped(raw)


def _decode_json(text: str) -> Json:
    """Decode a non-string parameter: JSON, also as Python spells it (`True`); else return the text."""
    for spelling in (text, text.lower()):
        try:
            return decode_value(spelling)
        except json.JsonError:
            continue
    return text
