"""Input items of a Responses request, one reader a type.

Clients replay output items as they came, further members included: what is not understood in them is passed
over.
"""

from collections.abc import Callable
from typing import Final, cast

from codexd.fronts.content import parts
from codexd.fronts.reading import Fields
from codexd.fronts.vocabulary import json_text
from codexd.neutral.turn import Item, Message, Reasoning, Role, Search, ToolCall, ToolResult

ROLES: Final = ("user", "assistant", "system", "developer")


def kind(item: Fields) -> str:
    """Tell an item's type; a message and a reference may leave it out."""
    bare = "item_reference" if item.has("id") and not item.has("role") else "message"
    return item.text("type") or bare


def whole(item: Fields) -> bool:
    """Tell whether an item was said to its end."""
    return item.raw("status") not in ("incomplete", "in_progress")


def _message(item: Fields) -> Message:
    role = cast(Role, item.required_choice("role", ROLES))
    return Message(role, parts(item, "content"), item.text("phase"), item.text("id"), whole(item))


def _function_call(item: Fields) -> ToolCall:
    return ToolCall(
        item.required_name("call_id"),
        item.required_name("name"),
        item.required_text("arguments"),
        namespace=item.text("namespace"),
        id=item.text("id"),
        complete=whole(item),
    )


def _custom_call(item: Fields) -> ToolCall:
    return ToolCall(
        item.required_name("call_id"),
        item.required_name("name"),
        item.required_text("input"),
        "custom",
        item.text("namespace"),
        item.text("id"),
        whole(item),
    )


def _function_result(item: Fields) -> ToolResult:
    return ToolResult(item.required_name("call_id"), parts(item, "output"))


def _custom_result(item: Fields) -> ToolResult:
    return ToolResult(item.required_name("call_id"), parts(item, "output"), "custom")


def _texts(item: Fields, name: str) -> tuple[str, ...]:
    return tuple(part.required_text("text") for part in item.objects(name))


def _reasoning(item: Fields) -> Reasoning:
    return Reasoning(
        _texts(item, "summary"),
        _texts(item, "content"),
        item.text("encrypted_content"),
        item.text("id"),
        whole(item),
    )


def _search(item: Fields) -> Search:
    return Search(item.text("id"), json_text(item, "action"), item.raw("status") in (None, "completed"))


READERS: Final[dict[str, Callable[[Fields], Item]]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_result,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_result,
    "reasoning": _reasoning,
    "web_search_call": _search,
}
