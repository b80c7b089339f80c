"""One block of text that calls a tool, taken apart: Obsidian Copilot's `<use_tool>`.

The canonical form has a tag a parameter; `write` makes it and `read` takes it. Read as well: the name as an
attribute, all arguments as JSON in `<args>` (older versions of the plugin taught that), a body that is JSON.
"""

import re
from typing import Final

from attrs import frozen

from codexd.tools.values import text_of
from codexd.wire import json
from codexd.wire.json import Json

OPENING: Final = "<use_tool"
CLOSING: Final = "</use_tool>"

_TAG: Final = r"[A-Za-z_][\w.-]*"
_OPENED: Final = re.compile(rf"{OPENING}(\s[^>]*)?>")
_ATTRIBUTE: Final = re.compile(r"""\sname\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_CHILD: Final = re.compile(rf"\s*<({_TAG})(?:\s[^<>]*?)?(/?)>")
_NAME: Final = re.compile(r"[^\s<>]{1,256}")
_WHOLE: Final = ("arguments", "args")


@frozen
class Use:
    """What a block says.

    Attributes:
        name: the tool, as it is spelled.
        fields: the parameters in their order: the tag, and what stands in it, not unescaped.
        arguments: all arguments as one text, where the block gives them so; then there are no fields.
    """

    name: str
    fields: tuple[tuple[str, str], ...] = ()
    arguments: str | None = None


def read(source: str) -> Use | None:
    """Take a block apart; None when it is malformed."""
    opened = _OPENED.match(source)
    if opened is None or not source.endswith(CLOSING):
        return None
    body = source[opened.end() : -len(CLOSING)]
    attribute = _ATTRIBUTE.search(opened[1] or "")
    name = None if attribute is None else attribute[1] or attribute[2]
    return _from_json(body, name) if body.lstrip().startswith("{") else _from_tags(body, name)


def children(body: str) -> tuple[tuple[str, str], ...] | None:
    """Give the tags that stand side by side and what is in them; None when anything else stands there."""
    found: list[tuple[str, str]] = []
    position = 0
    while opened := _CHILD.match(body, position):
        tag, empty = opened[1], opened[2]
        inside = (opened.end(), opened.end()) if empty else _extent(body, tag, opened.end())
        if inside is None:
            return None
        found.append((tag, body[opened.end() : inside[0]]))
        position = inside[1]
    return None if body[position:].strip() else tuple(found)


def nameable(key: str) -> bool:
    """Tell whether a parameter of this name can have a tag of its own."""
    return re.fullmatch(_TAG, key, re.ASCII) is not None and not key.startswith("use_tool")


def _extent(body: str, tag: str, start: int) -> tuple[int, int] | None:
    """Find where an open tag's content ends and where its closing tag does, over equal tags inside."""
    depth = 1
    for mark in re.compile(rf"<(/?){re.escape(tag)}(?:\s[^<>]*)?>").finditer(body, start):
        depth += -1 if mark[1] else 1
        if not depth:
            return mark.span()
    return None


def _from_tags(body: str, name: str | None) -> Use | None:
    found = children(body)
    if found is None:
        return None
    fields = list(found)
    if name is None:
        named = next((field for field in fields if field[0] == "name"), None)
        if named is None:
            return None
        fields.remove(named)
        name = text_of(named[1]).strip()
    if _NAME.fullmatch(name) is None:
        return None
    if len(fields) == 1 and fields[0][0] == "args":
        return Use(name, arguments=text_of(fields[0][1]))
    return Use(name, tuple(fields))


def _from_json(body: str, name: str | None) -> Use | None:
    try:
        found = json.decode(body)
    except json.Malformed:
        return None
    assert isinstance(found, dict)
    name = name or found.pop("name", None)
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        return None
    return Use(name, arguments=json.encode(_given(found)).decode())


def _given(found: dict[str, Json]) -> Json:
    """Give the arguments: they stand in a member of their own, or beside the name."""
    for member in _WHOLE:
        if isinstance(found.get(member), dict):
            return found[member]
    return found
