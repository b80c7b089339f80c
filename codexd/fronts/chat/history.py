"""Parser of Chat messages: messages, tool calls and tool results become neutral items."""

from collections.abc import Callable, Collection
from typing import Final

from attrs import define, field

from codexd.fronts.chat.provider_state import parse_state
from codexd.fronts.content import parse_parts
from codexd.fronts.json_fields import Fields, parse_element, raise_missing, raise_wrong_value
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import (
    CallKind,
    Item,
    Message,
    Reasoning,
    RefusalPart,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
)

_EMPTY_TEXT: Final = TextPart("")


@define
class _ChatHistory:
    """The items so far, and the calls of the latest assistant block that have no result yet.

    Several assistant messages in a row are one block. `customs` has the names of the declared custom tools:
    Cursor sends their calls back as function calls.
    """

    customs: Collection[str]
    items: list[Item] = field(factory=list)
    unanswered: dict[str, ToolCall] = field(factory=dict)
    in_block: bool = False

    def add_call(self, call: ToolCall, where: str) -> None:
        """Add one call; its id must be unique within the block."""
        if call.call_id in self.unanswered:
            raise_wrong_value(where, "another call of this message has the same id")
        self.unanswered[call.call_id] = call
        self.items.append(call)

    def add_result(self, call_id: str, message: Fields) -> None:
        """Add the result of an unanswered call."""
        call = self.unanswered.pop(call_id)
        self.items.append(ToolResult(call_id, parse_parts(message, "content"), call.kind))


_MESSAGE_ROLES: Final[dict[str, Role]] = {"system": "system", "developer": "developer", "user": "user"}


def _add_message(history: _ChatHistory, message: Fields, position: int) -> None:
    role = _MESSAGE_ROLES[message.required_text("role")]
    history.items.append(Message(role=role, parts=parse_parts(message, "content")))


def _add_assistant(history: _ChatHistory, message: Fields, position: int) -> None:
    """Parse reasoning, text, refusal, calls and a model's state; an empty assistant message is left out."""
    if not history.in_block:
        history.unanswered.clear()
    thought = _parse_reasoning(message)
    if thought:
        history.items.append(Reasoning(content=(thought,)))
    content_parts = tuple(part for part in parse_parts(message, "content") if part != _EMPTY_TEXT)
    refusal = message.text("refusal")
    if refusal:
        content_parts += (RefusalPart(refusal),)
    if content_parts:
        history.items.append(Message(role="assistant", parts=content_parts))
    calls = message.objects("tool_calls")
    for call in calls:
        history.add_call(_parse_tool_call(call, history.customs), call.at("id"))
    legacy = message.object("function_call")
    if legacy is not None:
        name, arguments = legacy.required_name("name"), legacy.text("arguments") or ""
        history.add_call(ToolCall(call_id=f"call_function_{position}", name=name, arguments=arguments), legacy.path)
    state = parse_state(message, ((call.required_name("id"), call) for call in calls))
    if state is not None:
        history.items.append(state)


def _parse_reasoning(message: Fields) -> str:
    """Return the reasoning that a client sends back, under either of its names; OpenAI has none."""
    shown = (message.raw(name) for name in ("reasoning_content", "reasoning"))
    return next((text for text in shown if isinstance(text, str)), "")


def _parse_tool_call(call: Fields, customs: Collection[str]) -> ToolCall:
    """Parse one entry of `tool_calls`; some clients omit `type`, and `arguments` when there are none."""
    call_id = call.required_name("id")
    written: CallKind = "custom" if call.choice("type", ("function", "custom")) == "custom" else "function"
    body = call.required_object(written)
    name = body.required_name("name")
    text = body.text("arguments" if written == "function" else "input") or ""
    return ToolCall(call_id=call_id, name=name, arguments=text, kind="custom" if name in customs else written)


def _add_tool_result(history: _ChatHistory, message: Fields, position: int) -> None:
    call_id = message.required_name("tool_call_id")
    if call_id not in history.unanswered:
        _raise_orphan(message.at("tool_call_id"), "an entry of 'tool_calls'")
    history.add_result(call_id, message)


def _add_function_result(history: _ChatHistory, message: Fields, position: int) -> None:
    """Parse a deprecated function message: it answers the first unanswered call of that name."""
    name = message.required_name("name")
    calls = [call.call_id for call in history.unanswered.values() if call.name == name]
    if not calls:
        _raise_orphan(message.at("name"), "a 'function_call' of this name")
    history.add_result(calls[0], message)


def _raise_orphan(where: str, what: str) -> None:
    message = f"'{where}' must match {what} of the preceding assistant message that has no result yet."
    raise FaultError(fault("orphan_tool_output", message, param=where))


_ROLES: Final[dict[str, Callable[[_ChatHistory, Fields, int], None]]] = {
    "system": _add_message,
    "developer": _add_message,
    "user": _add_message,
    "assistant": _add_assistant,
    "tool": _add_tool_result,
    "function": _add_function_result,
}


def parse_messages(fields: Fields, customs: Collection[str]) -> tuple[Item, ...]:
    """Parse `messages`.

    Legacy function calls have no id; they get one from their position, so that the same history always gives
    the same items.

    Raises:
        FaultError: `orphan_tool_output` for a tool message without an unanswered call, or as json_fields.py.
    """
    messages = fields.array("messages")
    if not messages:
        raise_missing("messages")
    found = _ChatHistory(customs)
    for position, value in enumerate(messages):
        message = parse_element("messages", position, value)
        role = message.required_choice("role", _ROLES)
        _ROLES[role](found, message, position)
        found.in_block = role == "assistant"
    return tuple(found.items)
