"""JSON as a person reads it and as a line-by-line comparison likes it: short values on one line."""

from typing import Final

from codexd.wire import json
from codexd.wire.json import Json

WIDTH: Final = 110
"""Characters of a line; only a text that is longer by itself makes a longer one."""

_STEP: Final = "  "


def lay_out(value: Json, margin: str = "") -> str:
    """Write a value; what does not fit on the rest of its line has a member a line.

    Args:
        value: what JSON can say.
        margin: what stands before the lines after the first.
    """
    flat = json.encode(value).decode()
    if not value or not isinstance(value, dict | list) or len(margin) + len(flat) <= WIDTH:
        return flat
    inner = margin + _STEP
    if isinstance(value, dict):
        named = ((json.encode(name).decode() + ": ", member) for name, member in value.items())
        lines = [f"{inner}{name}{lay_out(member, inner)}" for name, member in named]
        opening, closing = "{", "}"
    else:
        lines = [f"{inner}{lay_out(element, inner)}" for element in value]
        opening, closing = "[", "]"
    return "\n".join((opening, ",\n".join(lines), margin + closing))


def page(value: Json) -> bytes:
    """Write a value as a file of its own."""
    return lay_out(value).encode() + b"\n"
