"""The history as Chat messages.

What the assistant thought, said and called in one go is one message, its calls' results come right after it,
wherever they stood: other orders are refused by most servers. A result holds text alone; what a tool showed
beside it (an image) follows in a user's message.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Final

from attrs import define, field

from codexd.backs.chat.content import content, is_text, text
from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.names import Names
from codexd.backs.items import custom_arguments
from codexd.neutral.fault import Refused, fault
from codexd.neutral.turn import Item, Message, Part, Reasoning, Search, ToolCall, ToolResult, Turn
from codexd.wire.json import Json

_SHOWN_BELOW: Final = "What the tool gave back is in the next message."
_FAILED: Final = "The tool failed: "


def messages(turn: Turn, names: Names, dialect: Dialect) -> list[Json]:
    """Give the instructions and the history of a turn.

    Raises:
        Refused: `unsupported` for what the model cannot be shown, `orphan_tool_output` for a result whose
            call is not in the history.
    """
    history = _History(names, dialect, turn.items)
    if turn.instructions:
        history.written.append({"role": _role("developer", dialect), "content": turn.instructions})
    for item in turn.items:
        _TAKES[type(item)](history, item)
    history.flush()
    return history.written


def _role(role: str, dialect: Dialect) -> str:
    return "system" if role == "developer" and not dialect.developer_role else role


@define
class _Said:
    """What the assistant said in one go."""

    thoughts: list[str]
    parts: list[Part] = field(factory=list)
    calls: list[ToolCall] = field(factory=list)


class _History:
    """The messages so far, and the assistant's latest while it may still grow."""

    def __init__(self, names: Names, dialect: Dialect, items: tuple[Item, ...]) -> None:
        self.written: list[Json] = []
        self._names = names
        self._dialect = dialect
        self._said: _Said | None = None
        self._thoughts: list[str] = []
        self._results: dict[str, deque[ToolResult]] = defaultdict(deque)
        self._called = {item.call_id for item in items if isinstance(item, ToolCall)}
        for item in items:
            if isinstance(item, ToolResult):
                self._results[item.call_id].append(item)

    def message(self, item: Message) -> None:
        """Take something said."""
        if item.role != "assistant":
            self.flush()
            role = _role(item.role, self._dialect)
            self.written.append({"role": role, "content": content(item.parts, self._dialect)})
        elif item.parts:
            if self._said is not None and self._said.parts and not self._said.calls:
                self.flush()
            self._saying().parts += item.parts

    def thought(self, item: Reasoning) -> None:
        """Take a thought: it belongs to what is said or called next."""
        if self._dialect.reasoning != "none":
            self._thoughts += item.content or item.summary

    def call(self, item: ToolCall) -> None:
        """Take a call."""
        self._saying().calls.append(item)

    def result(self, item: ToolResult) -> None:
        """Take a result: it is written with its call."""
        if item.call_id not in self._called:
            message = f"No tool call of this history has the id '{item.call_id[:64]}'."
            raise Refused(fault("orphan_tool_output", message))
        self.flush()

    def search(self, item: Search) -> None:
        """Pass a search over: there is no form for it, and what it found is in what was said."""

    def flush(self) -> None:
        """Write what the assistant said, and what its tools gave back."""
        said, self._said = self._said, None
        if said is None:
            return
        self.written.append(self._assistant(said))
        found = [self._results[call.call_id] for call in said.calls]
        results = [waiting.popleft() for waiting in found if waiting]
        self.written += map(_tool, results)
        shown = tuple(part for result in results for part in result.parts if not is_text(part))
        if shown:
            self.written.append({"role": "user", "content": content(shown, self._dialect)})

    def _saying(self) -> _Said:
        if self._said is None:
            self._said = _Said([])
        self._said.thoughts += self._thoughts
        self._thoughts = []
        return self._said

    def _assistant(self, said: _Said) -> Json:
        written: dict[str, Json] = {"role": "assistant"}
        written["content"] = content(tuple(said.parts), self._dialect) if said.parts else None
        if said.thoughts:
            written[self._dialect.reasoning] = "\n\n".join(said.thoughts)
        if said.calls:
            written["tool_calls"] = [self._call(call) for call in said.calls]
        return written

    def _call(self, call: ToolCall) -> Json:
        name = self._names.of(call.namespace, call.name)
        if call.kind == "custom" and self._dialect.custom_tools:
            return {"id": call.call_id, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        arguments = custom_arguments(call.arguments) if call.kind == "custom" else call.arguments or "{}"
        return {
            "id": call.call_id,
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }


def _tool(result: ToolResult) -> Json:
    said = text(result.parts)
    if not said and any(not is_text(part) for part in result.parts):
        said = _SHOWN_BELOW
    return {
        "role": "tool",
        "tool_call_id": result.call_id,
        "content": said if result.success else _FAILED + said,
    }


_TAKES: Final[dict[type, Callable[[_History, Any], None]]] = {
    Message: _History.message,
    Reasoning: _History.thought,
    ToolCall: _History.call,
    ToolResult: _History.result,
    Search: _History.search,
}
