"""Parsers of the input items of a Responses request, one per type.

Clients send output items back as they received them, so unknown members are ignored.
"""

from collections.abc import Callable
from typing import Final, cast

from codexd.fronts.content import parse_parts
from codexd.fronts.json_fields import Fields, raise_wrong_value
from codexd.fronts.parameters import parse_json_text
from codexd.fronts.responses import compaction
from codexd.fronts.responses.tool_search import is_client_search, parse_search_call, parse_search_output
from codexd.neutral.turn import Item, Message, Reasoning, Role, ToolCall, ToolResult, WebSearchCall
from codexd.wire.provider_state import decode_state, is_state

ROLES: Final = ("user", "assistant", "system", "developer")


def item_type(item: Fields) -> str:
    """Return an item's type, which messages and references may omit."""
    bare = "item_reference" if item.has("id") and not item.has("role") else "message"
    return item.text("type") or bare


def is_complete(item: Fields) -> bool:
    """Return whether an item is complete."""
    return item.raw("status") not in ("incomplete", "in_progress")


def _message(item: Fields) -> Message:
    role = cast(Role, item.required_choice("role", ROLES))
    return Message(
        role=role,
        parts=parse_parts(item, "content"),
        phase=item.text("phase"),
        id=item.text("id"),
        complete=is_complete(item),
    )


def _function_call(item: Fields) -> ToolCall:
    return ToolCall(
        call_id=item.required_name("call_id"),
        name=item.required_name("name"),
        arguments=item.required_text("arguments"),
        namespace=item.text("namespace"),
        id=item.text("id"),
        complete=is_complete(item),
    )


def _custom_call(item: Fields) -> ToolCall:
    return ToolCall(
        call_id=item.required_name("call_id"),
        name=item.required_name("name"),
        arguments=item.required_text("input"),
        kind="custom",
        namespace=item.text("namespace"),
        id=item.text("id"),
        complete=is_complete(item),
    )


def _function_result(item: Fields) -> ToolResult:
    return ToolResult(item.required_name("call_id"), parse_parts(item, "output"))


def _custom_result(item: Fields) -> ToolResult:
    return ToolResult(item.required_name("call_id"), parse_parts(item, "output"), "custom")


def _texts(item: Fields, name: str) -> tuple[str, ...]:
    return tuple(part.required_text("text") for part in item.objects(name))


def _reasoning(item: Fields) -> Reasoning:
    encrypted = item.text("encrypted_content")
    if encrypted is not None and is_state(encrypted) and decode_state(encrypted) is None:
        raise_wrong_value(item.at("encrypted_content"), "expected it as this server sent it")
    return Reasoning(
        summary=_texts(item, "summary"),
        content=_texts(item, "content"),
        encrypted=encrypted,
        id=item.text("id"),
        complete=is_complete(item),
    )


def _search(item: Fields) -> WebSearchCall:
    return WebSearchCall(item.text("id"), parse_json_text(item, "action"), item.raw("status") in (None, "completed"))


READERS: Final[dict[str, Callable[[Fields], Item]]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_result,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_result,
    "reasoning": _reasoning,
    "web_search_call": _search,
    "tool_search_call": parse_search_call,
    "tool_search_output": parse_search_output,
    **dict.fromkeys(compaction.TYPES, compaction.parse_compaction),
}

ADDITIONAL_TOOLS: Final = "additional_tools"
"""An item that offers more tools; the model sees them as tools, not as an item."""

_SEARCH_TYPES: Final = frozenset(("tool_search_call", "tool_search_output"))
_TOOL_TYPES: Final = frozenset((ADDITIONAL_TOOLS, "tool_search_output"))


def find_reader(kind: str, item: Fields) -> Callable[[Fields], Item] | None:
    """Return the parser of an item of a type; None for an unknown type, and for a tool search that OpenAI ran."""
    return None if kind in _SEARCH_TYPES and not is_client_search(item) else READERS.get(kind)


def has_tools(kind: str, item: Fields) -> bool:
    """Return whether an item of a type offers tools: `additional_tools`, or the output of a client's tool search."""
    return kind in _TOOL_TYPES and (kind == ADDITIONAL_TOOLS or is_client_search(item))
