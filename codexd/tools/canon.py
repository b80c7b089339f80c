"""The one way in which a call is written as a `<use_tool>` block, and the order of its parameters."""

from collections.abc import Sequence
from typing import Final

from codexd.neutral.turn import CallKind
from codexd.tools.use import CLOSING, OPENING, Use, nameable
from codexd.tools.values import escape, exact, markup_free, spell, spell_text
from codexd.wire import json
from codexd.wire.json import Json

INPUT: Final = "input"
"""The one parameter of a custom tool: its raw input."""

# The plugin's own tools, in the order in which its prompt names their parameters.
OBSIDIAN: Final[dict[str, tuple[str, ...]]] = {
    "localSearch": ("query", "salientTerms", "timeRange"),
    "webSearch": ("query", "chatHistory"),
    "getCurrentTime": ("timezoneOffset",),
    "convertTimeBetweenTimezones": ("time", "fromOffset", "toOffset"),
    "getTimeRangeMs": ("timeExpression",),
    "getTimeInfoByEpoch": ("epoch",),
    "readNote": ("notePath", "chunkIndex"),
    "getTagList": ("includeInline", "maxEntries"),
    "writeToFile": ("path", "content"),
    "replaceInFile": ("path", "diff"),
    "updateMemory": ("statement",),
}


def write(name: str, arguments: str, kind: CallKind = "function", order: Sequence[str] = ()) -> str:
    """Write a call.

    Args:
        name: the tool's name.
        arguments: a function's JSON, or a custom tool's raw input.
        kind: which of the two.
        order: the tool's own order of parameters; else the plugin's, else the order in which they come.
    """
    if kind == "custom":
        return _block(name, [(INPUT, spell_text(arguments))])
    fields = _fields(arguments)
    if fields is None:
        return _block(name, [("args", _as_one(arguments))])
    return _block(name, _ordered(name, fields, order))


def lay_out(use: Use, order: Sequence[str] = ()) -> str:
    """Write a block that a model wrote, in the canonical form; what stands in its tags stays as it was."""
    if use.arguments is not None:
        return write(use.name, use.arguments, order=order)
    return _block(use.name, _ordered(use.name, list(use.fields), order))


def _block(name: str, fields: Sequence[tuple[str, str]]) -> str:
    lines = [f"  <{tag}>{text}</{tag}>\n" for tag, text in (("name", escape(name)), *fields)]
    return f"{OPENING}>\n{''.join(lines)}{CLOSING}"


def _ordered(name: str, fields: list[tuple[str, str]], order: Sequence[str]) -> list[tuple[str, str]]:
    places = {key: place for place, key in enumerate(order or OBSIDIAN.get(name, ()))}
    return sorted(fields, key=lambda field: places.get(field[0], len(places)))


def _fields(arguments: str) -> list[tuple[str, str]] | None:
    """Give a tag for each argument; None where tags cannot say them."""
    try:
        found: Json = json.decode(arguments or "{}")
        if not isinstance(found, dict) or not exact(found) or not all(map(nameable, found)):
            return None
        return None if found.keys() == {"args"} else [(key, spell(value)) for key, value in found.items()]
    except json.Malformed:
        return None


def _as_one(arguments: str) -> str:
    """Write all arguments as one text; JSON without markup, so that nobody needs to unescape it."""
    return markup_free(arguments) if json.is_valid(arguments) else spell_text(arguments)
