"""The client's tools and its choice among them, as Chat Completions has them: nested, without namespaces."""

from typing import Any, Final

from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.names import Names
from codexd.backs.items import CUSTOM_SCHEMA, custom_description
from codexd.neutral.turn import Tool, Turn
from codexd.wire import json
from codexd.wire.json import Json

_NO_PARAMETERS: Final = '{"type":"object","properties":{}}'


def offer(turn: Turn, names: Names, dialect: Dialect) -> dict[str, Json]:
    """Give the members of a request that are about tools; none, where no tool is offered."""
    tools = _narrowed(turn)
    if not tools:
        return {}
    members: dict[str, Json] = {"tools": [_tool(tool, names, dialect) for tool in tools]}
    choice = _choice(turn, tools, names, dialect)
    if choice is not None:
        members["tool_choice"] = choice
    if not turn.parallel_tool_calls:
        members["parallel_tool_calls"] = False
    return members


def _narrowed(turn: Turn) -> tuple[Tool, ...]:
    """Leave out what `allowed_tools` does not name; one tool that must be called is named in the choice."""
    names = turn.tool_choice.names
    if not names or _named(turn):
        return turn.tools
    return tuple(tool for tool in turn.tools if tool.name in names)


def _named(turn: Turn) -> bool:
    return turn.tool_choice.mode == "required" and len(turn.tool_choice.names) == 1


def _choice(turn: Turn, tools: tuple[Tool, ...], names: Names, dialect: Dialect) -> Json:
    if not _named(turn):
        return None if turn.tool_choice.mode == "auto" else turn.tool_choice.mode
    chosen = [tool for tool in tools if tool.name == turn.tool_choice.names[0]]
    if len(chosen) != 1:
        return "required"
    kind = _kind(chosen[0], dialect)
    return {"type": kind, kind: {"name": names.of(chosen[0].namespace, chosen[0].name)}}


def _kind(tool: Tool, dialect: Dialect) -> str:
    return "custom" if tool.kind == "custom" and dialect.custom_tools else "function"


def _tool(tool: Tool, names: Names, dialect: Dialect) -> Json:
    kind = _kind(tool, dialect)
    body: dict[str, Json] = {"name": names.of(tool.namespace, tool.name)}
    return {"type": kind, kind: body | (_custom(tool) if kind == "custom" else _function(tool))}


def _function(tool: Tool) -> dict[str, Json]:
    if tool.kind == "custom":
        return {"description": custom_description(tool), "parameters": json.fragment(CUSTOM_SCHEMA)}
    schema = _NO_PARAMETERS if tool.parameters == "{}" else tool.parameters
    body: dict[str, Json] = {"parameters": json.fragment(schema)}
    if tool.description:
        body["description"] = tool.description
    if tool.strict is not None:
        body["strict"] = tool.strict
    return body


def _custom(tool: Tool) -> dict[str, Json]:
    body: dict[str, Json] = {"description": tool.description} if tool.description else {}
    if tool.grammar is not None:
        form: dict[str, Any] = json.decode(tool.grammar)
        body["format"] = {"type": "grammar", "grammar": {k: v for k, v in form.items() if k != "type"}}
    return body
