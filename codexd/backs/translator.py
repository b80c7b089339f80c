"""Translates the child's notifications about one response to neutral events.

A translator handles one response only. The Thread handles the thread's state and the commands.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.backs import bindings as b
from codexd.backs import failures
from codexd.backs.call_batch import ToolCallBatch
from codexd.backs.event_builder import EventBuilder
from codexd.backs.items import decode_search_action, unwrap_custom_input
from codexd.backs.reserved_names import ChildNames, is_codex_namespace
from codexd.neutral.event import Event, Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Tool, ToolCall, Turn
from codexd.policy import estimate
from codexd.wire import json
from codexd.wire.json import Json

NO_TURN: Final = Turn(model="", items=())
"""Stands for a turn that has ended."""


class TurnTranslator:
    """Translates one response. Every method that returns events returns those to emit now.

    Attributes:
        batch: the tool calls of the current model response.
        compacted: the child has replaced the history by a summary.
        response_complete: the last model response was an answer and left no call open.
        results_expected: the child will request the result of every call. It answers a call whose arguments
            are not JSON itself and continues; the client's result can then only be sent as history.
    """

    def __init__(self, turn: Turn, batch: ToolCallBatch | None = None) -> None:
        self.batch = batch or ToolCallBatch(parallel=turn.parallel_tool_calls)
        self.compacted = False
        self.response_complete = False
        self.results_expected = True
        self._turn = turn
        names = ChildNames(turn.visible_tools)
        self._tools = {names.encode(tool.namespace, tool.name): tool for tool in turn.visible_tools}
        self._builder = EventBuilder()
        self._usage: Usage | None = None
        self._answered = False

    @property
    def is_reusable(self) -> bool:
        """Whether the response ended normally with no call open: the thread may be continued."""
        return not self._builder.failed and not self._builder.has_incomplete_message and not self.batch.shown

    @property
    def usage(self) -> Usage | None:
        """The tokens that were reported so far."""
        return self._usage

    def receive(self, event: Any) -> list[Event]:
        """Translate one of TURN_EVENTS that belongs to this turn."""
        return _HANDLERS[type(event)](self, event)

    def add_call(
        self, call_id: str, name: str, namespace: str | None, arguments: str, id: str | None = None
    ) -> list[Event]:
        """Add a tool call if it calls a tool of the client; a queued call is emitted later."""
        if is_codex_namespace(namespace):
            return []
        # Some models add the namespace that they are shown for plain functions; some omit the tool's own.
        tool = self._tools.get((namespace, name)) or self._tools.get((None, name)) or self._find_by_name(name)
        if tool is None or self.batch.has_call(call_id) or self._builder.ended:
            return []
        self.results_expected = self.results_expected and json.is_valid(arguments)
        if tool.kind == "custom":
            arguments = unwrap_custom_input(arguments)
        call = ToolCall(
            call_id=call_id, name=tool.name, arguments=arguments, kind=tool.kind, namespace=tool.namespace, id=id
        )
        return self._builder.add_call(call) if self.batch.add(call) else []

    def emit_queued_call(self, call: ToolCall) -> list[Event]:
        """Make a queued call the whole response; its usage was reported with the first call of the batch."""
        return [*self._builder.add_call(call), *self._builder.end("tool_calls", Usage())]

    def suspend(self) -> list[Event]:
        """End the response with tool calls."""
        return self._builder.end("tool_calls", self._final_usage())

    def finish(self) -> list[Event]:
        """End the response as complete; it fails if a tool call was required and none was made."""
        if self.batch.shown:
            return self.suspend()
        if self._turn.tool_choice.mode == "required":
            return self._builder.fail(fault("tool_choice_unmet"))
        return self._builder.end("stop", self._final_usage())

    def fail_turn(self, error: b.TurnError | None) -> list[Event]:
        """End the response after a failed turn: with a failure, or as cut if the provider cut it."""
        if error is None:
            return self._builder.fail(fault("model_failed"))
        finish = failures.find_incomplete_reason(error)
        if finish is not None:
            return self._builder.end(finish, self._final_usage())
        return self._builder.fail(failures.translate(error))

    def fail(self, why: Fault) -> list[Event]:
        """End the response with a failure of codexd's own."""
        return self._builder.fail(why)

    def forget_turn(self) -> None:
        """Release the turn, which only an estimate of the usage needs: the response has ended."""
        self._turn = NO_TURN

    def stop(self) -> None:
        """Emit no more events."""
        self._builder.stop()

    def _find_by_name(self, name: str) -> Tool | None:
        tools = [tool for (_, known), tool in self._tools.items() if known == name]
        return tools[0] if len(tools) == 1 else None

    def _final_usage(self) -> Usage:
        return self._usage or estimate.usage(self._turn, self._builder.size_bytes)

    def _on_message_delta(self, event: b.MessageDelta) -> list[Event]:
        return self._builder.add_text(event.itemId, event.delta)

    def _on_summary_delta(self, event: b.SummaryTextDelta) -> list[Event]:
        return self._builder.add_summary(event.itemId, event.summaryIndex, event.delta)

    def _on_reasoning_delta(self, event: b.ReasoningTextDelta) -> list[Event]:
        return self._builder.add_reasoning(event.itemId, event.contentIndex, event.delta)

    def _on_item_started(self, event: b.ItemStarted) -> list[Event]:
        self.response_complete = False
        kind, id = event.item.get("type"), event.item.get("id")
        if kind == "contextCompaction":
            self.compacted = True
        if not isinstance(id, str):
            return []
        if kind == "agentMessage":
            return self._builder.open_message(id, _read_text(event.item.get("phase")))
        if kind == "webSearch":
            return self._builder.open_search(id)
        return self._builder.open_reasoning(id) if kind == "reasoning" else []

    def _on_item_completed(self, event: b.ItemCompleted) -> list[Event]:
        kind, id, text = (event.item.get(key) for key in ("type", "id", "text"))
        if kind == "webSearch" and isinstance(id, str):
            return self._builder.close_search(id, decode_search_action(event.item.get("action")))
        if kind != "agentMessage" or not isinstance(id, str) or not isinstance(text, str):
            return []
        phase = _read_text(event.item.get("phase"))
        self._answered = phase != "commentary"
        return self._builder.complete_message(id, text, phase)

    def _on_raw_item(self, event: b.RawItemCompleted) -> list[Event]:
        kind = str(event.item.get("type"))
        if kind.endswith("_call"):
            # The turn continues after any call, whether the client or the child carries it out.
            self._answered = False
        handler = _RAW_ITEM_HANDLERS.get(kind)
        return [] if handler is None else handler(self, event.item)

    def _on_raw_message(self, item: dict[str, Json]) -> list[Event]:
        """Add the annotations of a message; only the raw item has them."""
        id, content = _read_text(item.get("id")), item.get("content")
        if id is None or not isinstance(content, list):
            return []
        lists = (part.get("annotations") for part in content if isinstance(part, dict))
        annotations = (
            annotation
            for some in lists
            if isinstance(some, list)
            for annotation in some
            if isinstance(annotation, dict)
        )
        return self._builder.annotate_message(id, (json.encode(one).decode() for one in annotations))

    def _on_raw_reasoning(self, item: dict[str, Json]) -> list[Event]:
        summary, content = _read_texts(item.get("summary")), _read_texts(item.get("content"))
        id, encrypted = _read_text(item.get("id")), _read_text(item.get("encrypted_content"))
        return [] if id is None else self._builder.complete_reasoning(id, summary, content, encrypted)

    def _on_raw_call(self, item: dict[str, Json]) -> list[Event]:
        call_id, name, arguments = (_read_text(item.get(key)) for key in ("call_id", "name", "arguments"))
        if call_id is None or name is None or arguments is None:
            return []
        id, namespace = _read_text(item.get("id")), _read_text(item.get("namespace"))
        return self.add_call(call_id, name, namespace, arguments, id)

    def _on_response_completed(self, event: b.RawResponseCompleted) -> list[Event]:
        if event.usage is not None:
            self._usage = _add_usage(self._usage, event.usage)
        self.response_complete, self._answered = self._answered and not self.batch.shown, False
        return []


def _read_text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _read_texts(parts: Json) -> tuple[str, ...]:
    if not isinstance(parts, list):
        return ()
    return tuple(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _add_usage(total: Usage | None, new: b.TokenUsage) -> Usage:
    before = total or Usage()
    return Usage(
        input_tokens=before.input_tokens + new.inputTokens,
        cached_tokens=before.cached_tokens + new.cachedInputTokens,
        cache_write_tokens=before.cache_write_tokens + new.cacheWriteInputTokens,
        output_tokens=before.output_tokens + new.outputTokens,
        reasoning_tokens=before.reasoning_tokens + new.reasoningOutputTokens,
    )


_HANDLERS: Final[dict[type, Callable[[TurnTranslator, Any], list[Event]]]] = {
    b.MessageDelta: TurnTranslator._on_message_delta,
    b.SummaryTextDelta: TurnTranslator._on_summary_delta,
    b.ReasoningTextDelta: TurnTranslator._on_reasoning_delta,
    b.ItemStarted: TurnTranslator._on_item_started,
    b.ItemCompleted: TurnTranslator._on_item_completed,
    b.RawItemCompleted: TurnTranslator._on_raw_item,
    b.RawResponseCompleted: TurnTranslator._on_response_completed,
}

TURN_EVENTS: Final = frozenset(_HANDLERS)
"""The notifications about a running response; all others are about the thread."""

_RAW_ITEM_HANDLERS: Final[dict[str, Callable[[TurnTranslator, dict[str, Json]], list[Event]]]] = {
    "message": TurnTranslator._on_raw_message,
    "reasoning": TurnTranslator._on_raw_reasoning,
    "function_call": TurnTranslator._on_raw_call,
}
