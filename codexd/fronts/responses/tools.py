"""Parser of the tools of a Responses request: flat functions and custom tools, namespaces, hosted tools."""

from attrs import evolve

from codexd.fronts import parameters
from codexd.fronts.hosted_tools import HostedTools
from codexd.fronts.json_fields import Fields
from codexd.neutral.records import frozen
from codexd.neutral.turn import Tool, ToolChoice, WebSearch


@frozen
class DeclaredTools:
    """The client's own tools, which of them to call, a web search, and the dropped tools."""

    tools: tuple[Tool, ...]
    choice: ToolChoice
    web_search: WebSearch | None
    ignored: tuple[str, ...]


def parse_tools(fields: Fields, drop_hosted: bool) -> DeclaredTools:
    """Parse `tools` and `tool_choice`.

    Args:
        fields: the body.
        drop_hosted: drop unsupported hosted tools instead of rejecting the request.

    Raises:
        FaultError: with the path of the invalid tool, such as `tools[0].name`.
    """
    tools: list[Tool] = []
    hosted = HostedTools(drop_hosted)
    for one in fields.objects("tools"):
        if one.raw("type") == "namespace":
            tools += _namespace(one, hosted)
        else:
            tools += _client_tool(parameters.parse_tool(one), one, hosted)
    choice = hosted.parse_tool_choice(fields, [tool.name for tool in tools])
    return DeclaredTools(tuple(tools), choice, hosted.search, tuple(hosted.ignored))


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
