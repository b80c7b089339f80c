"""What a tool's JSON Schema says of a parameter, as far as it tells text from everything else."""

from typing import Final

from codexd.tools.use import children
from codexd.tools.values import text_of, untyped
from codexd.wire import json
from codexd.wire.json import Json

_ITEM: Final = "item"


def decoded(schema: str) -> dict[str, Json]:
    """Read a schema; one that is no object says nothing."""
    try:
        found = json.decode(schema)
    except json.Malformed:
        return {}
    return found if isinstance(found, dict) else {}


def properties(schema: Json) -> dict[str, Json]:
    """Give the parameters a schema names, in its order."""
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def typed(raw: str, schema: Json) -> Json:
    """Read what stands in a parameter's tag as the schema has it, or else as what it looks like."""
    kinds = _kinds(schema)
    nested = _nested(raw, schema, kinds)
    if nested is not None:
        return nested
    if kinds == {"string"}:
        return text_of(raw)
    if not kinds or kinds & {"string"} != set():
        return _optional(raw, kinds)
    return _value(text_of(raw))


def _kinds(schema: Json) -> set[str]:
    """Name the types a schema allows; none where it does not say."""
    if not isinstance(schema, dict):
        return set()
    kind = schema.get("type")
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, list):
        return {one for one in kind if isinstance(one, str)}
    for member in ("anyOf", "oneOf"):
        if isinstance(branches := schema.get(member), list):
            found = [_kinds(branch) for branch in branches]
            return set().union(*found) if all(found) else set()
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return {"string"} if isinstance(values, list) and all(isinstance(v, str) for v in values) else set()


def _nested(raw: str, schema: Json, kinds: set[str]) -> Json:
    """Read tags inside a tag: an array of `<item>`, and an object where the schema has one; else None."""
    if "<" not in raw or kinds == {"string"}:
        return None
    found = children(raw)
    if not found:
        return None
    if all(tag == _ITEM for tag, _ in found) and (not kinds or "array" in kinds):
        items = schema.get("items") if isinstance(schema, dict) else None
        return [typed(inner, items) for _, inner in found]
    if "object" in kinds:
        members = properties(schema)
        return {tag: typed(inner, members.get(tag)) for tag, inner in found}
    return None


def _optional(raw: str, kinds: set[str]) -> Json:
    """Read what may be text or something else."""
    if kinds == {"string", "null"}:
        return None if raw == "null" else text_of(raw)
    return untyped(raw)


def _value(text: str) -> Json:
    """Read what is no text; JSON as Python spells it (`True`) is understood, anything else stays text."""
    for spelling in (text, text.lower()):
        try:
            return json.decode(spelling)
        except json.Malformed:
            continue
    return text
