"""Formats JSON for people and for line-by-line comparison: short values on one line, long ones unfolded."""

from typing import Final

from codexd.wire import json
from codexd.wire.json import Json

WIDTH: Final = 110
"""Characters of a line; only a single string that is longer makes a longer line."""

_INDENT: Final = "  "


def format_json(value: Json, margin: str = "") -> str:
    """ResponseFormat a value; one that does not fit on its line has one member a line.

    Args:
        value: any JSON value.
        margin: the indentation of the lines after the first.
    """
    flat = json.encode(value).decode()
    if not value or not isinstance(value, dict | list) or len(margin) + len(flat) <= WIDTH:
        return flat
    inner = margin + _INDENT
    if isinstance(value, dict):
        named = ((json.encode(name).decode() + ": ", member) for name, member in value.items())
        lines = [f"{inner}{name}{format_json(member, inner)}" for name, member in named]
        opening, closing = "{", "}"
    else:
        lines = [f"{inner}{format_json(element, inner)}" for element in value]
        opening, closing = "[", "]"
    return "\n".join((opening, ",\n".join(lines), margin + closing))


def encode(value: Json) -> bytes:
    """Return a value as the content of a fixture's section."""
    return format_json(value).encode() + b"\n"
