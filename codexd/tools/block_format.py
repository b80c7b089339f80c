"""Writes a call as a canonical `<use_tool>` block, with a defined order of its parameters."""

from collections.abc import Sequence
from typing import Final

from codexd.neutral.turn import CallKind
from codexd.tools.block_parser import CLOSING, OPENING, ParsedBlock, is_tag_name
from codexd.tools.values import decode_value, encode_text, encode_value, escape, escape_json, is_exact
from codexd.wire import json
from codexd.wire.json import Json

CUSTOM_INPUT: Final = "input"
"""The name of a custom tool's single parameter: its raw input."""

# The tools of the Obsidian Copilot plugin, with the parameters in the order of the plugin's prompt.
OBSIDIAN_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
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


def format_call(name: str, arguments: str, kind: CallKind = "function", order: Sequence[str] = ()) -> str:
    """Write a call as a block.

    Args:
        name: the tool's name.
        arguments: a function's JSON, or a custom tool's raw input.
        kind: the kind of the tool.
        order: the tool's own order of parameters; if it is empty, the plugin's order, else that of the
            arguments, applies.
    """
    if kind == "custom":
        return _block(name, [(CUSTOM_INPUT, encode_text(arguments))])
    fields = _fields(arguments)
    if fields is None:
        return _block(name, [("args", _single_field(arguments))])
    return _block(name, _sorted(name, fields, order))


def format_block(block: ParsedBlock, order: Sequence[str] = ()) -> str:
    """Rewrite a block of a model in the canonical form; the content of its tags is not changed."""
    if block.arguments is not None:
        return format_call(block.name, block.arguments, order=order)
    return _block(block.name, _sorted(block.name, list(block.fields), order))


def _block(name: str, fields: Sequence[tuple[str, str]]) -> str:
    lines = [f"  <{tag}>{text}</{tag}>\n" for tag, text in (("name", escape(name)), *fields)]
    return f"{OPENING}>\n{''.join(lines)}{CLOSING}"


def _sorted(name: str, fields: list[tuple[str, str]], order: Sequence[str]) -> list[tuple[str, str]]:
    positions = {key: position for position, key in enumerate(order or OBSIDIAN_PARAMETERS.get(name, ()))}
    return sorted(fields, key=lambda field: positions.get(field[0], len(positions)))


def _fields(arguments: str) -> list[tuple[str, str]] | None:
    """Return a tag for each argument; None if tags cannot represent them."""
    try:
        decoded: Json = decode_value(arguments or "{}")
        if not isinstance(decoded, dict) or not is_exact(decoded) or not all(map(is_tag_name, decoded)):
            return None
        if decoded.keys() == {"args"}:
            return None
        return [(key, encode_value(value)) for key, value in decoded.items()]
    except json.JsonError:
        return None


def _single_field(arguments: str) -> str:
    """Encode all arguments as one text; JSON without markup, so that no parser needs to unescape it."""
    return escape_json(arguments) if json.is_valid(arguments) else encode_text(arguments)
