"""Chat messages to neutral items: who said what, who called which tool, what the tool gave back."""

from collections.abc import Callable, Collection
from typing import Final

from attrs import define, field

from codexd.fronts.content import parts
from codexd.fronts.reading import Fields, entry, missing, wrong_value
from codexd.neutral.fault import Refused, fault
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

_SILENCE: Final = TextPart("")


@define
class _History:
    """The items so far, and the calls of the latest assistant block that no tool has answered yet.

    Several assistant messages in a row are one block. `customs` names the declared custom tools: Cursor
    sends their calls back as function calls, which they are not.
    """

    customs: Collection[str]
    items: list[Item] = field(factory=list)
    waiting: dict[str, ToolCall] = field(factory=dict)
    in_block: bool = False

    def call(self, call: ToolCall, where: str) -> None:
        """Take one call of the assistant's; its id must be its own within the block."""
        if call.call_id in self.waiting:
            wrong_value(where, "another call of this message has the same id")
        self.waiting[call.call_id] = call
        self.items.append(call)

    def answer(self, call_id: str, message: Fields) -> None:
        """Take what a tool gave back for a call that waits."""
        call = self.waiting.pop(call_id)
        self.items.append(ToolResult(call_id, parts(message, "content"), call.kind))


_SPEAKERS: Final[dict[str, Role]] = {"system": "system", "developer": "developer", "user": "user"}


def _speaker(history: _History, message: Fields, position: int) -> None:
    role = _SPEAKERS[message.required_text("role")]
    history.items.append(Message(role, parts(message, "content")))


def _assistant(history: _History, message: Fields, position: int) -> None:
    """Read thoughts, text, refusal and calls; an assistant who said nothing leaves no message."""
    if not history.in_block:
        history.waiting.clear()
    thought = _thought(message)
    if thought:
        history.items.append(Reasoning(content=(thought,)))
    said = tuple(part for part in parts(message, "content") if part != _SILENCE)
    refusal = message.text("refusal")
    if refusal:
        said += (RefusalPart(refusal),)
    if said:
        history.items.append(Message("assistant", said))
    for call in message.objects("tool_calls"):
        history.call(_tool_call(call, history.customs), call.at("id"))
    legacy = message.object("function_call")
    if legacy is not None:
        name, arguments = legacy.required_name("name"), legacy.text("arguments") or ""
        history.call(ToolCall(f"call_function_{position}", name, arguments), legacy.path)


def _thought(message: Fields) -> str:
    """Give the reasoning that a client repeats, by either name that it was shown under; OpenAI has none."""
    shown = (message.raw(name) for name in ("reasoning_content", "reasoning"))
    return next((text for text in shown if isinstance(text, str)), "")


def _tool_call(call: Fields, customs: Collection[str]) -> ToolCall:
    """Read one entry of `tool_calls`; some clients leave out `type`, and `arguments` when there are none."""
    call_id = call.required_name("id")
    written: CallKind = "custom" if call.choice("type", ("function", "custom")) == "custom" else "function"
    body = call.required_object(written)
    name = body.required_name("name")
    text = body.text("arguments" if written == "function" else "input") or ""
    return ToolCall(call_id, name, text, "custom" if name in customs else written)


def _tool(history: _History, message: Fields, position: int) -> None:
    call_id = message.required_name("tool_call_id")
    if call_id not in history.waiting:
        _orphan(message.at("tool_call_id"), "'tool_calls'")
    history.answer(call_id, message)


def _function(history: _History, message: Fields, position: int) -> None:
    """Read a deprecated function message: it answers the first waiting call of that name."""
    name = message.required_name("name")
    calls = [call.call_id for call in history.waiting.values() if call.name == name]
    if not calls:
        _orphan(message.at("name"), "a 'function_call' of this name")
    history.answer(calls[0], message)


def _orphan(where: str, what: str) -> None:
    message = f"'{where}' must answer {what} of the preceding assistant message that has no answer yet."
    raise Refused(fault("orphan_tool_output", message, param=where))


_ROLES: Final[dict[str, Callable[[_History, Fields, int], None]]] = {
    "system": _speaker,
    "developer": _speaker,
    "user": _speaker,
    "assistant": _assistant,
    "tool": _tool,
    "function": _function,
}


def history(fields: Fields, customs: Collection[str]) -> tuple[Item, ...]:
    """Read `messages`.

    Legacy function calls have no id; they get one from their position, so that the same history always gives
    the same items.

    Raises:
        Refused: `orphan_tool_output` for a tool message that answers no waiting call; else as in reading.py.
    """
    messages = fields.array("messages")
    if not messages:
        missing("messages")
    found = _History(customs)
    for position, value in enumerate(messages):
        message = entry("messages", position, value)
        role = message.required_choice("role", _ROLES)
        _ROLES[role](found, message, position)
        found.in_block = role == "assistant"
    return tuple(found.items)
