"""Items of a tool search that the client runs (`tool_search_call` and `tool_search_output`, OpenAI Responses).

The output brings tools. They are offered to the model like declared ones; as the result of its call the model is
told their names and descriptions.
"""

from collections.abc import Iterator
from typing import Any, Final

from codexd.fronts import parameters
from codexd.fronts.json_fields import Fields
from codexd.neutral.turn import TextPart, Tool, ToolCall, ToolResult
from codexd.wire import json
from codexd.wire.json import Json

TOOL_SEARCH: Final = "tool_search"
"""The type of the tool, and its name for the model."""


def is_client_search(fields: Fields) -> bool:
    """Return whether the client runs this tool or item; otherwise OpenAI's servers do."""
    return bool(fields.raw("execution") == "client")


def parse_search_call(item: Fields) -> ToolCall:
    """Parse a `tool_search_call`."""
    return ToolCall(
        call_id=item.required_name("call_id"),
        name=TOOL_SEARCH,
        arguments=_parse_arguments(item),
        kind="tool_search",
        id=item.text("id"),
        complete=item.raw("status") not in ("incomplete", "in_progress"),
    )


def parse_search_output(item: Fields) -> ToolResult:
    """Parse a `tool_search_output` to the names of its tools."""
    found = [_summary(tool, namespace) for tool, namespace in _iterate_tools(item)]
    return ToolResult(item.required_name("call_id"), (TextPart(json.encode({"tools": found}).decode()),), "tool_search")


def build_search_call(call: ToolCall, head: dict[str, Any]) -> Json:
    """Build a `tool_search_call` item.

    Args:
        call: the call. Arguments that are not JSON are shown as text; those of an unfinished call are not shown,
            because a stream has no event for a part of them.
        head: the members that all calls have.
    """
    text = call.arguments if call.complete and call.arguments else "{}"
    return head | {"execution": "client", "arguments": _encodable(text)}


def parse_search_tool(tool: Fields) -> Tool:
    """Parse the declaration of a `tool_search` that the client runs."""
    return Tool(
        name=TOOL_SEARCH,
        description=tool.text("description") or "",
        parameters=parameters.parse_json_text(tool, "parameters") or "{}",
        kind="tool_search",
    )


def _parse_arguments(item: Fields) -> str:
    value = item.raw("arguments")
    return value if isinstance(value, str) else json.encode({} if value is None else value).decode()


def _encodable(text: str) -> Json:
    """Return the value of a JSON text, encoded on one line; the text itself if it cannot be encoded again."""
    try:
        return json.fragment(json.encode(json.decode(text)))
    except json.JsonError:
        return text


def _iterate_tools(item: Fields) -> Iterator[tuple[Fields, str | None]]:
    for one in item.objects("tools"):
        if one.raw("type") == "namespace":
            yield from ((tool, one.text("name")) for tool in one.objects("tools"))
        else:
            yield one, None


def _summary(tool: Fields, namespace: str | None) -> Json:
    members = {"namespace": namespace, "name": tool.text("name"), "description": tool.text("description")}
    return {name: value for name, value in members.items() if value}
