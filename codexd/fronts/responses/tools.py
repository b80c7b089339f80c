"""Parser of the tools of a Responses request: flat functions and custom tools, namespaces, hosted tools.

Tools are declared in `tools`, and in items of the input: `additional_tools`, and outputs of the client's tool search.
"""

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from codexd.fronts import parameters
from codexd.fronts.hosted_tools import HostedTools
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses.tool_search import TOOL_SEARCH, is_client_search, parse_search_tool
from codexd.neutral.records import frozen
from codexd.neutral.turn import Tool, ToolChoice, WebSearch

_FUNCTION_CHOICE: Final = {"type": "function", "name": TOOL_SEARCH}


@frozen(kw_only=True)
class DeclaredTools:
    """The client's own tools, which of them to call, a web search, and the dropped tools.

    Attributes:
        tools: all tools for the model.
        declared: those of `tools`, which a Response repeats.
        choice: which of them to call.
        web_search: the provider's web search, if it is offered.
        ignored: the dropped tools.
    """

    tools: tuple[Tool, ...]
    declared: tuple[Tool, ...]
    choice: ToolChoice
    web_search: WebSearch | None
    ignored: tuple[str, ...]


def parse_tools(fields: Fields, drop_hosted: bool, tool_items: Sequence[Fields] = ()) -> DeclaredTools:
    """Parse `tools`, the tools of items, and `tool_choice`.

    Args:
        fields: the body.
        drop_hosted: drop unsupported hosted tools instead of rejecting the request.
        tool_items: the items that offer tools; stored ones have no path.

    Raises:
        FaultError: with the path of the invalid tool, such as `tools[0].name`.
    """
    hosted = HostedTools(drop_hosted)
    declared = tuple(parse_tool_list(fields, hosted))
    tools = _merge(declared, [tool for item in tool_items for tool in _parse_item_tools(item, hosted)])
    choice = hosted.parse_tool_choice(_with_search_choice(fields, tools), [tool.name for tool in tools])
    return DeclaredTools(
        tools=tools, declared=declared, choice=choice, web_search=hosted.search, ignored=tuple(hosted.ignored)
    )


def parse_tool_list(fields: Fields, hosted: HostedTools) -> list[Tool]:
    """Parse the `tools` of a body or of an item; hosted ones are added to `hosted`.

    Raises:
        FaultError: as `parse_tools`.
    """
    tools: list[Tool] = []
    for one in fields.objects("tools"):
        if one.raw("type") == "namespace":
            tools += _namespace(one, hosted)
        elif one.raw("type") == TOOL_SEARCH and is_client_search(one):
            tools.append(parse_search_tool(one))
        else:
            tools += _client_tool(parameters.parse_tool(one), one, hosted)
    return tools


def check_item_tools(tool_items: Sequence[Fields], drop_hosted: bool) -> tuple[str, ...]:
    """Check the tools of items that are stored without a response; return the dropped ones.

    Raises:
        FaultError: as `parse_tools`.
    """
    hosted = HostedTools(drop_hosted)
    for item in tool_items:
        _parse_item_tools(item, hosted)
    return tuple(hosted.ignored)


def _parse_item_tools(item: Fields, hosted: HostedTools) -> list[Tool]:
    """Parse the tools of an item; what a stored item lacks was reported by the request that stored it."""
    if item.path:
        return parse_tool_list(item, hosted)
    of_item = HostedTools(drop=True)
    tools = parse_tool_list(item, of_item)
    hosted.search = of_item.search or hosted.search
    return tools


def _merge(declared: tuple[Tool, ...], added: list[Tool]) -> tuple[Tool, ...]:
    """Add the tools of items; a later definition of a tool replaces an earlier one in its place."""
    if not added:
        return declared
    merged: dict[str | None, dict[str, Tool]] = {}
    for tool in (*declared, *added):
        merged.setdefault(tool.namespace, {})[tool.name] = tool
    return tuple(tool for group in merged.values() for tool in group.values())


def _with_search_choice(fields: Fields, tools: tuple[Tool, ...]) -> Fields:
    """Replace the tool search in `tool_choice`, which has no name, by a function of its name if it is offered."""
    choice = fields.raw("tool_choice")
    if not isinstance(choice, dict) or not any(tool.kind == "tool_search" for tool in tools):
        return fields
    return evolve(fields, value=fields.value | {"tool_choice": _replace_search(choice)})


def _replace_search(choice: dict[str, object]) -> dict[str, object]:
    if choice.get("type") == TOOL_SEARCH:
        return {**_FUNCTION_CHOICE}
    listed = choice.get("tools")
    if not isinstance(listed, list):
        return choice
    tools = [_FUNCTION_CHOICE if isinstance(one, dict) and one.get("type") == TOOL_SEARCH else one for one in listed]
    return choice | {"tools": tools}


def _namespace(group: Fields, hosted: HostedTools) -> list[Tool]:
    """Parse a `namespace` tool, Codex's way to group the tools of one server."""
    name = parameters.parse_tool_name(group)
    description = group.text("description") or ""
    tools: list[Tool] = []
    for one in group.objects("tools"):
        tools += _client_tool(parameters.parse_tool(one, name), one, hosted)
    return [evolve(tool, namespace_description=description) for tool in tools]


def _client_tool(tool: Tool | None, one: Fields, hosted: HostedTools) -> list[Tool]:
    """Return the tool if it is the client's own; otherwise add it to the hosted tools."""
    if tool is None:
        hosted.add(one)
    return [] if tool is None else [tool]
