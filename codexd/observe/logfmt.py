"""Values in lines of text: `name=value`, quoted wherever a value could be taken for something else (logfmt).

A client chooses the name of a model, a path and field names. Without quotes, a model named `x principal=admin` would
read as two fields.
"""

import re
from typing import Final

_PLAIN: Final = re.compile(r"[!#-<>-\[\]-~]*")
"""Visible ASCII without space, `=`, the quote and the backslash."""

_ESCAPED: Final = re.compile(r'["\\]|[^ -~]')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, other line ends, and characters that change the direction of a text."""


def quote(value: str) -> str:
    """Return a value as it stands in a line: unchanged if it is plain, else as a JSON string in ASCII (RFC 8259, 7)."""
    return value if _PLAIN.fullmatch(value) else f'"{_ESCAPED.sub(_escape, value)}"'


def escape_controls(text: str) -> str:
    """Return a text on one line, without characters that a terminal interprets."""
    return _CONTROL.sub(_escape, text.replace("\n", " | "))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in '"\\':
        return "\\" + character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
