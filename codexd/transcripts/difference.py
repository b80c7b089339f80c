"""Shows the difference of two texts for people.

Each JSON value is unfolded, a member a line, so that one changed member of a long line is one line of the difference.
"""

from difflib import unified_diff
from typing import Final

from codexd.transcripts.json_layout import format_json
from codexd.wire import json

_FIELD: Final = b"data: "


def diff(before_name: str, after_name: str, before: bytes, after: bytes) -> str:
    """Return the unified diff of two texts; it is not empty unless they are equal."""
    names = before_name, after_name
    text = _unified(names, unfold(before), unfold(after))
    # Unfolding hides some differences, such as spaces in JSON or kinds of line ends: then show the bytes.
    return text or _unified(names, _escape(before), _escape(after))


def _unified(names: tuple[str, str], before: list[str], after: list[str]) -> str:
    lines = unified_diff(before, after, *names, lineterm="")
    return "\n".join(lines)


def unfold(text: bytes) -> list[str]:
    """Return the lines of a text; a line that is a JSON object, or an event with one, is several."""
    return [shown for line in text.split(b"\n") for shown in _unfold_line(line)]


def _unfold_line(line: bytes) -> list[str]:
    """Format a line that is a JSON object, by itself or as an event's data, with a member a line."""
    field = _FIELD if line.startswith(_FIELD) else b""
    try:
        value = json.decode(line[len(field) :]) if line[len(field) :].startswith(b"{") else None
    except json.JsonError:
        value = None
    shown = line if value is None else field + format_json(value).encode()
    return shown.decode("utf-8", "backslashreplace").split("\n")


def _escape(text: bytes) -> list[str]:
    return [repr(line)[2:-1] for line in text.splitlines(keepends=True)]
