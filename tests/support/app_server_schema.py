"""The JSON schema that the pinned binary generates of its protocol, and two checks of codexd against it.

`mismatches` checks a value that codexd sends; a member that the schema does not list is an error.
`missing_members` checks a class that codexd reads into: each field must be in the schema with its type, and
required unless it has a default. Both return messages with the path.
"""

from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import attrs
from attrs import define, field

from codexd.wire.json import Json, decode
from tests.support.codex_binary import run_codex

_TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": NoneType,
    "object": dict,
    "array": list,
}


def generate_schemas(into: Path) -> "Schemas":
    """Run the binary to generate its schemas in this folder."""
    run_codex(into / "home", "app-server", "generate-json-schema", "--out", str(into / "schema"), "--experimental")
    return Schemas(into / "schema")


@define
class Schema:
    """One schema.

    Attributes:
        root: the document its references are looked up in.
        name: of its definition, if it was referred to.
    """

    root: Json
    node: Json
    name: str = ""

    def resolved(self) -> "Schema":
        """Return the schema that it refers to, or itself."""
        node, name = self.node, self.name
        while isinstance(node, dict) and "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[1]
            node = self.root["definitions"][name]
        return Schema(self.root, {} if node is True else node, name)

    def at(self, node: Json) -> "Schema":
        """Return a schema within this one."""
        return Schema(self.root, node).resolved()

    def alternatives(self) -> Iterator["Schema"]:
        """Yield the alternatives, one type each."""
        node = self.resolved().node
        for key in ("anyOf", "oneOf", "allOf"):
            if key in node:
                rest = {name: value for name, value in node.items() if name != key}
                for way in node[key]:
                    yield from (Schema(self.root, _both(rest, inner.node)) for inner in self.at(way).alternatives())
                return
        if isinstance(node.get("type"), list):
            yield from (Schema(self.root, {**node, "type": kind}) for kind in node["type"])
        else:
            yield Schema(self.root, node)


@define
class Schemas:
    """The schemas that the binary generated."""

    folder: Path
    _read: dict[str, Json] = field(factory=dict)

    def document(self, name: str) -> Schema:
        """Return the schema of a file, by its name in any folder."""
        if name not in self._read:
            (path,) = self.folder.rglob(f"{name}.json")
            self._read[name] = decode(path.read_bytes())
        return Schema(self._read[name], self._read[name])

    def methods(self, direction: str) -> dict[str, Schema]:
        """Return the params of every method of ClientRequest, ServerRequest or ServerNotification."""
        document = self.document(direction)
        members = (variant["properties"] for variant in document.node["oneOf"])
        return {member["method"]["enum"][0]: document.at(member.get("params", True)) for member in members}

    def defined(self, name: str, within: str = "codex_app_server_protocol.v2.schemas") -> Schema:
        """Return a named definition."""
        document = self.document(within)
        return document.at(document.node["definitions"][name])

    def variant(self, name: str, kind: str) -> Schema:
        """Return the variant of a tagged union with this `type`."""
        for way in self.defined(name).alternatives():
            if way.node["properties"]["type"]["enum"] == [kind]:
                return way
        raise LookupError(f"{name}: {kind}: gone")


def _both(rest: dict[str, Json], way: dict[str, Json]) -> dict[str, Json]:
    """Merge the members beside a list of alternatives into one of them."""
    properties = rest.get("properties", {}) | way.get("properties", {})
    required = [*rest.get("required", ()), *way.get("required", ())]
    return rest | way | ({"properties": properties, "required": required} if properties else {})


def mismatches(value: Json, schema: Schema, at: str) -> list[str]:
    """Return what prevents a value from matching a schema."""
    tried = [_type_mismatches(value, way, at) for way in schema.alternatives()]
    return min(tried, key=len)


def _type_mismatches(value: Json, way: Schema, at: str) -> list[str]:
    node = way.node
    if "enum" in node:
        return [] if value in node["enum"] else [f"{at}: {value!r} is none of {node['enum']}"]
    kind = _TYPES.get(node.get("type", ""), object)
    if not isinstance(value, kind) or (isinstance(value, bool) and node.get("type") == "integer"):
        return [f"{at}: {type(value).__name__} for {node['type']}"]
    if isinstance(value, dict):
        return list(_members(value, way, at))
    if isinstance(value, list):
        items = way.at(node.get("items", True))
        return [mismatch for index, item in enumerate(value) for mismatch in mismatches(item, items, f"{at}[{index}]")]
    return []


def _members(value: dict[str, Json], way: Schema, at: str) -> Iterator[str]:
    known = way.node.get("properties", {})
    others = way.node.get("additionalProperties", not known)
    yield from (f"{at}.{name}: missing" for name in way.node.get("required", ()) if name not in value)
    for name, member in value.items():
        if name in known:
            yield from mismatches(member, way.at(known[name]), f"{at}.{name}")
        elif others is False:
            yield f"{at}.{name}: gone"
        else:
            yield from mismatches(member, way.at(others), f"{at}.{name}")


def missing_members(kind: Any, schema: Schema, at: str) -> list[str]:
    """Return what a class requires and the schema does not guarantee."""
    if kind is Any:
        return []
    allowed = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return [one for way in schema.alternatives() for one in _missing(allowed, way, at)]


def _missing(allowed: tuple[Any, ...], way: Schema, at: str) -> list[str]:
    sent = way.node.get("type")
    if sent == "null":
        return [] if NoneType in allowed else [f"{at}: may be null"]
    (kind,) = (kind for kind in allowed if kind is not NoneType)
    if attrs.has(kind):
        return _missing_fields(kind, way, at) if sent == "object" else [f"{at}: is {sent}"]
    plain = get_origin(kind) or kind
    if _TYPES.get(sent) is not plain:
        return [f"{at}: is {sent}, not {plain.__name__}"]
    return missing_members(get_args(kind)[0], way.at(way.node["items"]), f"{at}[]") if plain is list else []


def _missing_fields(kind: Any, way: Schema, at: str) -> list[str]:
    found: list[str] = []
    for member in attrs.fields(attrs.resolve_types(kind)):
        name = member.name
        if name not in way.node["properties"]:
            found.append(f"{at}.{name}: gone")
            continue
        if member.default is attrs.NOTHING and name not in way.node.get("required", ()):
            found.append(f"{at}.{name}: may be missing")
        found += missing_members(member.type, way.at(way.node["properties"][name]), f"{at}.{name}")
    return found
