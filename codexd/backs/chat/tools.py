"""Encodes the client's tools and tool choice for Chat Completions: nested, without namespaces."""

from typing import Any

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.schemas import repair_parameters
from codexd.backs.chat.tool_names import ToolNames
from codexd.backs.items import CUSTOM_SCHEMA, describe_custom_tool
from codexd.neutral.turn import Tool, Turn
from codexd.wire import json
from codexd.wire.json import Json


def encode_tools(turn: Turn, names: ToolNames, capabilities: ServerCapabilities) -> dict[str, Json]:
    """Return the request members about tools; none if no tool is offered."""
    tools = _allowed_tools(turn)
    if not tools:
        return {}
    members: dict[str, Json] = {"tools": [_encode_tool(tool, names, capabilities) for tool in tools]}
    choice = _encode_choice(turn, tools, names, capabilities)
    if choice is not None:
        members["tool_choice"] = choice
    if not turn.parallel_tool_calls:
        members["parallel_tool_calls"] = False
    return members


def _allowed_tools(turn: Turn) -> tuple[Tool, ...]:
    """Return the tools that `allowed_tools` names; one required tool is named in the choice instead."""
    names = frozenset(turn.tool_choice.names)
    if not names or _requires_one(turn):
        return turn.tools
    return tuple(tool for tool in turn.tools if tool.name in names)


def _requires_one(turn: Turn) -> bool:
    return turn.tool_choice.mode == "required" and len(turn.tool_choice.names) == 1


def _encode_choice(turn: Turn, tools: tuple[Tool, ...], names: ToolNames, capabilities: ServerCapabilities) -> Json:
    if not _requires_one(turn):
        return None if turn.tool_choice.mode == "auto" else turn.tool_choice.mode
    chosen = [tool for tool in tools if tool.name == turn.tool_choice.names[0]]
    if len(chosen) != 1:
        return "required"
    kind = _encode_kind(chosen[0], capabilities)
    return {"type": kind, kind: {"name": names.encode(chosen[0].namespace, chosen[0].name)}}


def _encode_kind(tool: Tool, capabilities: ServerCapabilities) -> str:
    return "custom" if tool.kind == "custom" and capabilities.custom_tools else "function"


def _encode_tool(tool: Tool, names: ToolNames, capabilities: ServerCapabilities) -> Json:
    kind = _encode_kind(tool, capabilities)
    body: dict[str, Json] = {"name": names.encode(tool.namespace, tool.name)}
    return {
        "type": kind,
        kind: body | (_encode_custom(tool) if kind == "custom" else _encode_function(tool, capabilities)),
    }


def _encode_function(tool: Tool, capabilities: ServerCapabilities) -> dict[str, Json]:
    if tool.kind == "custom":
        return {"description": describe_custom_tool(tool), "parameters": json.fragment(CUSTOM_SCHEMA)}
    body: dict[str, Json] = {"parameters": json.fragment(repair_parameters(tool.parameters))}
    if tool.description:
        body["description"] = tool.description
    if tool.strict is not None and capabilities.strict:
        body["strict"] = tool.strict
    return body


def _encode_custom(tool: Tool) -> dict[str, Json]:
    body: dict[str, Json] = {"description": tool.description} if tool.description else {}
    if tool.grammar is not None:
        grammar: dict[str, Any] = json.decode(tool.grammar)
        members = {name: value for name, value in grammar.items() if name != "type"}
        body["format"] = {"type": "grammar", "grammar": members}
    return body
