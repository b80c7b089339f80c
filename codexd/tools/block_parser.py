"""Parses a block of text that calls a tool: Obsidian Copilot's `<use_tool>`.

The canonical form has one tag for each parameter (`codexd.tools.block_format` writes it). The parser also
accepts the name as an attribute, all arguments as JSON in `<args>` (which older plugin versions taught)
and a JSON body.
"""

import re
from typing import Final

from codexd.neutral.records import frozen
from codexd.tools.values import decode_text, decode_value
from codexd.wire import json
from codexd.wire.json import Json

OPENING: Final = "<use_tool"
CLOSING: Final = "</use_tool>"

MAX_MARKS: Final = 20_000
"""How many `<` a block may have: each may be a tag. One with more is text."""

_TAG: Final = r"[A-Za-z_][\w.-]*"
_OPENING_TAG: Final = re.compile(rf"{OPENING}(\s[^>]*)?>")
_NAME_ATTRIBUTE: Final = re.compile(r"""\sname\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_CHILD_TAG: Final = re.compile(rf"\s*<({_TAG})(?:\s[^<>]*?)?(/?)>")
_TOOL_NAME: Final = re.compile(r"[^\s<>]{1,256}")
_ARGUMENTS_MEMBERS: Final = ("arguments", "args")


@frozen
class ParsedBlock:
    """The call that a block contains.

    Attributes:
        name: the tool's name as the block spells it.
        fields: the parameters in their order: the tag and its content, not unescaped.
        arguments: all arguments as one text, if the block has them so; then there are no fields.
    """

    name: str
    fields: tuple[tuple[str, str], ...] = ()
    arguments: str | None = None


def parse_block(source: str) -> ParsedBlock | None:
    """Parse a block, its marks included; None if it is malformed."""
    opening = None if source.count("<") > MAX_MARKS else _OPENING_TAG.match(source)
    if opening is None or not source.endswith(CLOSING):
        return None
    body = source[opening.end() : -len(CLOSING)]
    attribute = _NAME_ATTRIBUTE.search(opening[1] or "")
    name = None if attribute is None else attribute[1] or attribute[2]
    return _parse_json(body, name) if body.lstrip().startswith("{") else _parse_tags(body, name)


def parse_children(body: str) -> tuple[tuple[str, str], ...] | None:
    """Return the sibling tags and their content; None if there is text between them or one is not closed."""
    children: list[tuple[str, str]] = []
    position = 0
    while opening := _CHILD_TAG.match(body, position):
        tag, is_empty = opening[1], opening[2]
        closing = (opening.end(), opening.end()) if is_empty else _find_closing(body, tag, opening.end())
        if closing is None:
            return None
        children.append((tag, body[opening.end() : closing[0]]))
        position = closing[1]
    return None if body[position:].strip() else tuple(children)


def is_tag_name(key: str) -> bool:
    """Return whether a parameter of this name can have a tag of its own."""
    return re.fullmatch(_TAG, key, re.ASCII) is not None and not key.startswith("use_tool")


def _find_closing(body: str, tag: str, start: int) -> tuple[int, int] | None:
    """Return the start and end of the tag that closes an open one, past nested tags of the same name."""
    depth = 1
    for mark in re.compile(rf"<(/?){re.escape(tag)}(?:\s[^<>]*)?>").finditer(body, start):
        depth += -1 if mark[1] else 1
        if not depth:
            return mark.span()
    return None


def _parse_tags(body: str, name: str | None) -> ParsedBlock | None:
    children = parse_children(body)
    if children is None:
        return None
    fields = list(children)
    if name is None:
        name_field = next((field for field in fields if field[0] == "name"), None)
        if name_field is None:
            return None
        fields.remove(name_field)
        name = decode_text(name_field[1]).strip()
    if _TOOL_NAME.fullmatch(name) is None:
        return None
    if len(fields) == 1 and fields[0][0] == "args":
        return ParsedBlock(name, arguments=decode_text(fields[0][1]))
    return ParsedBlock(name, tuple(fields))


def _parse_json(body: str, name: str | None) -> ParsedBlock | None:
    try:
        members = decode_value(body)
    except json.JsonError:
        return None
    assert isinstance(members, dict)
    name = name or members.pop("name", None)
    if not isinstance(name, str) or _TOOL_NAME.fullmatch(name) is None:
        return None
    return ParsedBlock(name, arguments=json.encode(_arguments(members)).decode())


def _arguments(members: dict[str, Json]) -> Json:
    """Return the arguments: an object in a member of its own, or the members beside the name."""
    for member in _ARGUMENTS_MEMBERS:
        if isinstance(members.get(member), dict):
            return members[member]
    return members
