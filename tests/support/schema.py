"""The schema that the pinned binary writes of its own protocol, and two ways to hold codexd against it.

`misfits` judges a value we send: strictly, a member the schema does not list is a misfit. `gaps` judges a
class we read into: whatever it relies on must be there, of that type, and there always unless it has a
default. Both name the place.
"""

from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import attrs
from attrs import define, field

from codexd.wire.json import Json, decode
from tests.support.binary import says

_TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": NoneType,
    "object": dict,
    "array": list,
}


def written_by_the_pinned_binary(into: Path) -> "Schemas":
    """Let the binary write its schema."""
    says(into / "home", "app-server", "generate-json-schema", "--out", str(into / "schema"), "--experimental")
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
        """Follow the reference, if it is one."""
        node, name = self.node, self.name
        while isinstance(node, dict) and "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[1]
            node = self.root["definitions"][name]
        return Schema(self.root, {} if node is True else node, name)

    def at(self, node: Json) -> "Schema":
        """Give a schema within this one."""
        return Schema(self.root, node).resolved()

    def ways(self) -> Iterator["Schema"]:
        """Give the alternatives, one type each."""
        node = self.resolved().node
        for key in ("anyOf", "oneOf", "allOf"):
            if key in node:
                rest = {name: value for name, value in node.items() if name != key}
                for way in node[key]:
                    yield from (Schema(self.root, _both(rest, inner.node)) for inner in self.at(way).ways())
                return
        if isinstance(node.get("type"), list):
            yield from (Schema(self.root, {**node, "type": kind}) for kind in node["type"])
        else:
            yield Schema(self.root, node)


@define
class Schemas:
    """What the binary wrote."""

    folder: Path
    _read: dict[str, Json] = field(factory=dict)

    def document(self, name: str) -> Schema:
        """Give one file's schema, by its name in either folder of versions or above them."""
        if name not in self._read:
            (path,) = self.folder.rglob(f"{name}.json")
            self._read[name] = decode(path.read_bytes())
        return Schema(self._read[name], self._read[name])

    def methods(self, direction: str) -> dict[str, Schema]:
        """Give the params of every method of ClientRequest, ServerRequest or ServerNotification."""
        document = self.document(direction)
        members = (variant["properties"] for variant in document.node["oneOf"])
        return {member["method"]["enum"][0]: document.at(member.get("params", True)) for member in members}

    def defined(self, name: str, within: str = "codex_app_server_protocol.v2.schemas") -> Schema:
        """Give a named definition."""
        document = self.document(within)
        return document.at(document.node["definitions"][name])

    def variant(self, name: str, kind: str) -> Schema:
        """Give the variant of a tagged union whose `type` is this."""
        for way in self.defined(name).ways():
            if way.node["properties"]["type"]["enum"] == [kind]:
                return way
        raise LookupError(f"{name}: {kind}: gone")


def _both(rest: dict[str, Json], way: dict[str, Json]) -> dict[str, Json]:
    """Add what stands beside a list of alternatives to one of them."""
    properties = rest.get("properties", {}) | way.get("properties", {})
    required = [*rest.get("required", ()), *way.get("required", ())]
    return rest | way | ({"properties": properties, "required": required} if properties else {})


def misfits(value: Json, schema: Schema, at: str) -> list[str]:
    """Name what keeps a value from fitting."""
    tried = [_misfits(value, way, at) for way in schema.ways()]
    return min(tried, key=len)


def _misfits(value: Json, way: Schema, at: str) -> list[str]:
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
        return [
            misfit for index, item in enumerate(value) for misfit in misfits(item, items, f"{at}[{index}]")
        ]
    return []


def _members(value: dict[str, Json], way: Schema, at: str) -> Iterator[str]:
    known = way.node.get("properties", {})
    others = way.node.get("additionalProperties", not known)
    yield from (f"{at}.{name}: missing" for name in way.node.get("required", ()) if name not in value)
    for name, member in value.items():
        if name in known:
            yield from misfits(member, way.at(known[name]), f"{at}.{name}")
        elif others is False:
            yield f"{at}.{name}: gone"
        else:
            yield from misfits(member, way.at(others), f"{at}.{name}")


def gaps(kind: Any, schema: Schema, at: str) -> list[str]:
    """Name what a class relies on and the schema does not promise."""
    if kind is Any:
        return []
    allowed = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return [gap for way in schema.ways() for gap in _gaps(allowed, way, at)]


def _gaps(allowed: tuple[Any, ...], way: Schema, at: str) -> list[str]:
    sent = way.node.get("type")
    if sent == "null":
        return [] if NoneType in allowed else [f"{at}: may be null"]
    (kind,) = (kind for kind in allowed if kind is not NoneType)
    if attrs.has(kind):
        return _field_gaps(kind, way, at) if sent == "object" else [f"{at}: is {sent}"]
    plain = get_origin(kind) or kind
    if _TYPES.get(sent) is not plain:
        return [f"{at}: is {sent}, not {plain.__name__}"]
    return gaps(get_args(kind)[0], way.at(way.node["items"]), f"{at}[]") if plain is list else []


def _field_gaps(kind: Any, way: Schema, at: str) -> list[str]:
    found: list[str] = []
    for member in attrs.fields(attrs.resolve_types(kind)):
        name = member.name
        if name not in way.node["properties"]:
            found.append(f"{at}.{name}: gone")
            continue
        if member.default is attrs.NOTHING and name not in way.node.get("required", ()):
            found.append(f"{at}.{name}: may be missing")
        found += gaps(member.type, way.at(way.node["properties"][name]), f"{at}.{name}")
    return found
