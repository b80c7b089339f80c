"""The tools of a Responses request: flat functions and custom tools, namespaces of them, hosted ones."""

from attrs import evolve, frozen

from codexd.fronts import vocabulary
from codexd.fronts.hosted import Hosted
from codexd.fronts.reading import Fields
from codexd.neutral.turn import Tool, ToolChoice, WebSearch


@frozen
class Toolbox:
    """What the client offers: its own tools, which of them to call, a web search, and what was left out."""

    tools: tuple[Tool, ...]
    choice: ToolChoice
    web_search: WebSearch | None
    ignored: tuple[str, ...]


def read(fields: Fields, drop_hosted: bool) -> Toolbox:
    """Read `tools` and `tool_choice`.

    Args:
        fields: the body.
        drop_hosted: hosted tools that cannot be run are dropped, not refused.

    Raises:
        Refused: with the path of the tool at fault, such as `tools[0].name`.
    """
    tools: list[Tool] = []
    hosted = Hosted(drop_hosted)
    for one in fields.objects("tools"):
        if one.raw("type") == "namespace":
            tools += _namespace(one, hosted)
        else:
            tools += _taken(vocabulary.tool(one), one, hosted)
    choice = hosted.choice(fields, [tool.name for tool in tools])
    return Toolbox(tuple(tools), choice, hosted.search, tuple(hosted.ignored))


def _namespace(group: Fields, hosted: Hosted) -> list[Tool]:
    """Read a `namespace` tool, Codex's way to group the tools of one server."""
    name = vocabulary.tool_name(group)
    description = group.text("description") or ""
    tools: list[Tool] = []
    for one in group.objects("tools"):
        tools += _taken(vocabulary.tool(one, name), one, hosted)
    return [evolve(tool, namespace_description=description) for tool in tools]


def _taken(tool: Tool | None, one: Fields, hosted: Hosted) -> list[Tool]:
    """Give the tool if it is the client's own."""
    if tool is None:
        hosted.take(one)
    return [] if tool is None else [tool]
