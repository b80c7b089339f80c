"""The tools of a Responses request: flat functions and custom tools, namespaces of them, hosted ones."""

import re
from typing import Final

from attrs import evolve, frozen

from codexd.fronts import vocabulary
from codexd.fronts.reading import Fields
from codexd.neutral.turn import Tool, ToolChoice

_HOSTED: Final = re.compile(r"[a-z0-9_]{1,64}")
_CHOICES: Final = ("function", "custom", "allowed_tools")


@frozen
class Toolbox:
    """What the client offers: its own tools, which of them to call, and what was left out."""

    tools: tuple[Tool, ...]
    choice: ToolChoice
    ignored: tuple[str, ...]


def read(fields: Fields) -> Toolbox:
    """Read `tools` and `tool_choice`; hosted tools (web_search ...) are accepted and named as ignored.

    Raises:
        Refused: with the path of the tool at fault, such as `tools[0].name`.
    """
    tools: list[Tool] = []
    ignored: list[str] = []
    for one in fields.objects("tools"):
        if one.raw("type") == "namespace":
            _namespace(one, tools, ignored)
        else:
            _take(vocabulary.tool(one), one, tools, ignored)
    return Toolbox(tuple(tools), _choice(fields, tools, ignored), tuple(ignored))


def _namespace(group: Fields, tools: list[Tool], ignored: list[str]) -> None:
    """Read a `namespace` tool, Codex's way to group the tools of one server."""
    name = vocabulary.tool_name(group)
    description = group.text("description") or ""
    for one in group.objects("tools"):
        tool = vocabulary.tool(one, name)
        described = None if tool is None else evolve(tool, namespace_description=description)
        _take(described, one, tools, ignored)


def _take(tool: Tool | None, one: Fields, tools: list[Tool], ignored: list[str]) -> None:
    if tool is not None:
        tools.append(tool)
        return
    kind = one.required_text("type")
    ignored.append(f"{one.path} ({kind})" if _HOSTED.fullmatch(kind) else one.path)


def _choice(fields: Fields, tools: list[Tool], ignored: list[str]) -> ToolChoice:
    """Read `tool_choice`; to choose a hosted tool is to choose what is not there, so the model is free."""
    if isinstance(fields.raw("tool_choice"), dict):
        asked = fields.required_object("tool_choice")
        if asked.required_text("type") not in _CHOICES:
            ignored.append(asked.path)
            return ToolChoice()
    return vocabulary.tool_choice(fields, [tool.name for tool in tools])
