"""Encodes the history as Chat messages.

Consecutive reasoning, text and calls of the assistant become one message. The results of its calls follow
directly, wherever they were in the history: most servers reject any other order. A tool message holds only
text; other parts of a result (an image) follow in a user message.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, evolve, field

from codexd.backs.chat.call_ids import shorten_call_id
from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.content import encode_content, is_text
from codexd.backs.chat.message_order import merge_consecutive_messages, merge_system_messages
from codexd.backs.chat.tool_names import ToolNames
from codexd.backs.items import wrap_custom_input
from codexd.neutral.compaction import summary_message
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.text import join_text_parts
from codexd.neutral.turn import Compaction, Item, Message, Part, Reasoning, ToolCall, ToolResult, Turn, WebSearchCall
from codexd.wire.json import Json
from codexd.wire.provider_state import ProviderState, decode_state

_SEE_NEXT_MESSAGE: Final = "The tool's result is in the next message."
_ENCRYPTED_SUMMARY: Final = (
    "This model cannot read a compaction item of another server. Send the items that it stands for instead."
)
_FAILED: Final = "The tool failed: "


def encode_messages(turn: Turn, names: ToolNames, capabilities: ServerCapabilities) -> list[Json]:
    """Encode the instructions and the history of a turn.

    Raises:
        FaultError: `unsupported` for a part that the server does not accept, `orphan_tool_output` for a result
            without its call in the history.
    """
    encoder = _MessagesEncoder(names, capabilities, turn.items)
    if turn.instructions:
        role = _encode_role("developer", capabilities)
        encoder.messages.append({"role": role, "content": turn.instructions})
    for item in turn.items:
        _HANDLERS[type(item)](encoder, item)
    encoder.finish_assistant_message()
    messages = merge_system_messages(encoder.messages) if capabilities.merge_system else encoder.messages
    return merge_consecutive_messages(messages) if capabilities.merge_messages else messages


def _encode_role(role: str, capabilities: ServerCapabilities) -> str:
    return "system" if role == "developer" and not capabilities.developer_role else role


@define
class _AssistantMessage:
    """An assistant message that may still grow."""

    reasoning: list[str]
    states: list[ProviderState] = field(factory=list)
    parts: list[Part] = field(factory=list)
    calls: list[ToolCall] = field(factory=list)


class _MessagesEncoder:
    """Encodes item by item.

    Attributes:
        messages: the complete messages so far.
    """

    def __init__(self, names: ToolNames, capabilities: ServerCapabilities, items: tuple[Item, ...]) -> None:
        self.messages: list[Json] = []
        self._names = names
        self._capabilities = capabilities
        self._open_message: _AssistantMessage | None = None
        self._reasoning: list[str] = []
        self._states: list[ProviderState] = []
        self._results: dict[str, deque[ToolResult]] = defaultdict(deque)
        # How many calls with this id follow; some servers use an id again.
        self._calls_left = Counter(item.call_id for item in items if isinstance(item, ToolCall))
        for item in items:
            if isinstance(item, ToolResult):
                self._results[item.call_id].append(item)

    def add_message(self, item: Message) -> None:
        """Add a message; text of the assistant may join an open message."""
        if item.role != "assistant":
            self.finish_assistant_message()
            role = _encode_role(item.role, self._capabilities)
            self.messages.append({"role": role, "content": encode_content(item.parts, self._capabilities)})
        elif item.parts:
            current = self._open_message
            if current is not None and current.parts and not current.calls:
                self.finish_assistant_message()
            self._continue_assistant_message().parts += item.parts

    def add_reasoning(self, item: Reasoning) -> None:
        """Add reasoning to the next text or call, if the server wants it back.

        The state of a model follows its text and calls, unless the client has moved it before them.
        """
        if self._capabilities.reasoning != "none":
            self._reasoning += item.content or item.summary
        if self._capabilities.state and item.encrypted is not None:
            state = decode_state(item.encrypted)
            if state is not None:
                open_message = self._open_message
                (self._states if open_message is None else open_message.states).append(state)

    def add_call(self, item: ToolCall) -> None:
        """Add a tool call."""
        self._continue_assistant_message().calls.append(item)

    def add_result(self, item: ToolResult) -> None:
        """End the open message; the result itself is encoded after its call.

        Raises:
            FaultError: `orphan_tool_output`, when the history has no such call.
        """
        if item.call_id not in self._calls_left:
            message = f"The history has no tool call with the id '{item.call_id[:64]}'."
            raise FaultError(fault("orphan_tool_output", message))
        self.finish_assistant_message()

    def skip_search(self, item: WebSearchCall) -> None:
        """Skip a web search: Chat has no form for it, and the assistant's text contains its outcome."""

    def add_compaction(self, item: Compaction) -> None:
        """Add a summary as a message.

        Raises:
            FaultError: `unsupported`, when another server encrypted it.
        """
        if item.summary is None:
            raise FaultError(fault("unsupported", _ENCRYPTED_SUMMARY, param="input"))
        self.add_message(summary_message(item.summary))

    def finish_assistant_message(self) -> None:
        """Encode the open assistant message and the results of its calls."""
        message, self._open_message = self._open_message, None
        if message is None:
            return
        self.messages.append(self._encode_assistant(message))
        results = [result for call in message.calls if (result := self._take_result(call)) is not None]
        self.messages += map(self._encode_result, results)
        others = tuple(part for result in results for part in result.parts if not is_text(part))
        if others:
            self.messages.append({"role": "user", "content": encode_content(others, self._capabilities)})

    def _take_result(self, call: ToolCall) -> ToolResult | None:
        """Return the result of a call; the last call with this id gets all results that are left, as one."""
        self._calls_left[call.call_id] -= 1
        results = self._results[call.call_id]
        if not results:
            return None
        result = results.popleft()
        if not results or self._calls_left[call.call_id]:
            return result
        parts = tuple(part for one in (result, *results) for part in one.parts)
        success = all(one.success for one in (result, *results))
        results.clear()
        return evolve(result, parts=parts, success=success)

    def _continue_assistant_message(self) -> _AssistantMessage:
        if self._open_message is None:
            self._open_message = _AssistantMessage([])
        self._open_message.reasoning += self._reasoning
        self._reasoning = []
        self._open_message.states += self._states
        self._states = []
        return self._open_message

    def _encode_assistant(self, message: _AssistantMessage) -> Json:
        encoded: dict[str, Json] = {"role": "assistant"}
        parts = tuple(message.parts)
        encoded["content"] = encode_content(parts, self._capabilities) if parts else None
        if message.reasoning:
            self._add_reasoning(encoded, "\n\n".join(message.reasoning))
        if message.calls:
            calls = {id: members for state in message.states for id, members in state.calls.items()}
            encoded["tool_calls"] = [
                self._encode_call(call) | self._select_state(calls.get(call.call_id, {})) for call in message.calls
            ]
        for state in message.states:
            encoded |= self._select_state(state.message)
        return encoded

    def _add_reasoning(self, encoded: dict[str, Json], text: str) -> None:
        field_name = self._capabilities.reasoning
        if field_name != "thinking_part":
            encoded[field_name] = text
            return
        content = encoded["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
        encoded["content"] = [thinking, *parts]

    def _select_state(self, members: Mapping[str, Json]) -> dict[str, Json]:
        return {name: members[name] for name in self._capabilities.state if name in members}

    def _encode_call_id(self, id: str) -> str:
        return shorten_call_id(id) if self._capabilities.short_call_ids else id

    def _encode_call(self, call: ToolCall) -> dict[str, Json]:
        name, id = self._names.encode(call.namespace, call.name), self._encode_call_id(call.call_id)
        if call.kind == "custom" and self._capabilities.custom_tools:
            return {"id": id, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        arguments = wrap_custom_input(call.arguments) if call.kind == "custom" else call.arguments or "{}"
        return {
            "id": id,
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }

    def _encode_result(self, result: ToolResult) -> Json:
        text = join_text_parts(result.parts)
        if not text and any(not is_text(part) for part in result.parts):
            text = _SEE_NEXT_MESSAGE
        return {
            "role": "tool",
            "tool_call_id": self._encode_call_id(result.call_id),
            "content": text if result.success else _FAILED + text,
        }


_HANDLERS: Final[dict[type, Callable[[_MessagesEncoder, Any], None]]] = {
    Message: _MessagesEncoder.add_message,
    Reasoning: _MessagesEncoder.add_reasoning,
    ToolCall: _MessagesEncoder.add_call,
    ToolResult: _MessagesEncoder.add_result,
    WebSearchCall: _MessagesEncoder.skip_search,
    Compaction: _MessagesEncoder.add_compaction,
}
