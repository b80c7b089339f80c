"""One answer: what the child tells of a turn, said as neutral events.

It knows one answer only; the thread's life, and what is sent to the child, are the Thread's.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.backs import bindings as b
from codexd.backs import estimate, failures
from codexd.backs.batch import Batch
from codexd.backs.items import custom_input, search_action
from codexd.backs.naming import codexs, placed
from codexd.backs.speech import Speech
from codexd.neutral.event import Event, Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Tool, ToolCall, Turn
from codexd.wire import json
from codexd.wire.json import Json


class Telling:
    """One answer while it is told.

    Attributes:
        batch: the tool calls of the current model response.
        compacted: the child replaced the history by a summary on the way.
        whole: the last model response gave an answer and left nothing to do.
        answerable: the child will ask for every call's result. Arguments that are no JSON it answers by
            itself, and goes on: the client's result can only be replayed then.
    """

    def __init__(self, turn: Turn, batch: Batch | None = None) -> None:
        self.batch = batch or Batch(turn.parallel_tool_calls)
        self.compacted = False
        self.whole = False
        self.answerable = True
        self._turn = turn
        self._tools = {placed(tool.namespace, tool.name): tool for tool in turn.offered}
        self._speech = Speech()
        self._usage: Usage | None = None
        self._answered = False

    @property
    def clean(self) -> bool:
        """Whether it ended by itself and owes nothing: the thread may be continued."""
        return not self._speech.broken and not self._speech.cut and not self.batch.shown

    def tell(self, event: Any) -> list[Event]:
        """Say what one of the child's events of this turn amounts to."""
        return _TELLS[type(event)](self, event)

    def call(
        self, call_id: str, name: str, namespace: str | None, arguments: str, id: str | None = None
    ) -> list[Event]:
        """Say a tool call, if it is of the client's tools; what is held back is said later."""
        if codexs(namespace):
            return []
        # Some models name the namespace that plain functions are sent in; some leave out the one they are in.
        tool = self._tools.get((namespace, name)) or self._tools.get((None, name)) or self._bare(name)
        if tool is None or self.batch.knows(call_id) or self._speech.over:
            return []
        self.answerable = self.answerable and json.is_valid(arguments)
        if tool.kind == "custom":
            arguments = custom_input(arguments)
        call = ToolCall(call_id, tool.name, arguments, tool.kind, tool.namespace, id)
        return self._speech.call(call) if self.batch.add(call) else []

    def held(self, call: ToolCall) -> list[Event]:
        """Answer with a call that was held back: reported and paid for with its batch's first."""
        return [*self._speech.call(call), *self._speech.end("tool_calls", Usage())]

    def suspend(self) -> list[Event]:
        """Say that the answer ends in tool calls."""
        return self._speech.end("tool_calls", self._counted())

    def finish(self) -> list[Event]:
        """Say that the answer is complete, unless a call was required and none came."""
        if self.batch.shown:
            return self.suspend()
        if self._turn.tool_choice.mode == "required":
            return self._speech.fail(fault("tool_choice_unmet"))
        return self._speech.end("stop", self._counted())

    def fail(self, error: b.TurnError | None) -> list[Event]:
        """Say what a failed turn amounts to: mostly a failure, sometimes an answer cut short."""
        if error is None:
            return self._speech.fail(fault("model_failed"))
        finish = failures.incomplete(error)
        if finish is not None:
            return self._speech.end(finish, self._counted())
        return self._speech.fail(failures.translate(error))

    def break_off(self, why: Fault) -> list[Event]:
        """Say that it broke for a reason of our own."""
        return self._speech.fail(why)

    def hush(self) -> None:
        """Say nothing more: nobody listens."""
        self._speech.hush()

    def _bare(self, name: str) -> Tool | None:
        found = [tool for (_, known), tool in self._tools.items() if known == name]
        return found[0] if len(found) == 1 else None

    def _counted(self) -> Usage:
        return self._usage or estimate.usage(self._turn, self._speech.size_bytes)

    def _delta(self, event: b.MessageDelta) -> list[Event]:
        return self._speech.text(event.itemId, event.delta)

    def _summary(self, event: b.SummaryTextDelta) -> list[Event]:
        return self._speech.summary(event.itemId, event.summaryIndex, event.delta)

    def _thought(self, event: b.ReasoningTextDelta) -> list[Event]:
        return self._speech.open_thought(event.itemId, event.contentIndex, event.delta)

    def _item_started(self, event: b.ItemStarted) -> list[Event]:
        self.whole = False
        kind, id = event.item.get("type"), event.item.get("id")
        if kind == "contextCompaction":
            self.compacted = True
        if not isinstance(id, str):
            return []
        if kind == "agentMessage":
            return self._speech.message(id, _text(event.item.get("phase")))
        if kind == "webSearch":
            return self._speech.search(id)
        return self._speech.thought(id) if kind == "reasoning" else []

    def _item_completed(self, event: b.ItemCompleted) -> list[Event]:
        kind, id, text = (event.item.get(key) for key in ("type", "id", "text"))
        if kind == "webSearch" and isinstance(id, str):
            return self._speech.searched(id, search_action(event.item.get("action")))
        if kind != "agentMessage" or not isinstance(id, str) or not isinstance(text, str):
            return []
        phase = _text(event.item.get("phase"))
        self._answered = phase != "commentary"
        return self._speech.whole_message(id, text, phase)

    def _raw_item(self, event: b.RawItemCompleted) -> list[Event]:
        kind = str(event.item.get("type"))
        if kind.endswith("_call"):
            # Whoever carries it out, us or the child: the turn goes on.
            self._answered = False
        read = _RAW.get(kind)
        return [] if read is None else read(self, event.item)

    def _raw_message(self, item: dict[str, Json]) -> list[Event]:
        """Take what was noted on a message: only the raw item tells."""
        id, content = _text(item.get("id")), item.get("content")
        if id is None or not isinstance(content, list):
            return []
        notes = (part.get("annotations") for part in content if isinstance(part, dict))
        noted = (note for some in notes if isinstance(some, list) for note in some if isinstance(note, dict))
        return self._speech.noted(id, (json.encode(note).decode() for note in noted))

    def _raw_reasoning(self, item: dict[str, Json]) -> list[Event]:
        summary, content = _texts(item.get("summary")), _texts(item.get("content"))
        id, encrypted = _text(item.get("id")), _text(item.get("encrypted_content"))
        return [] if id is None else self._speech.whole_thought(id, summary, content, encrypted)

    def _raw_call(self, item: dict[str, Json]) -> list[Event]:
        call_id, name, arguments = (_text(item.get(key)) for key in ("call_id", "name", "arguments"))
        if call_id is None or name is None or arguments is None:
            return []
        return self.call(call_id, name, _text(item.get("namespace")), arguments, _text(item.get("id")))

    def _response_completed(self, event: b.RawResponseCompleted) -> list[Event]:
        if event.usage is not None:
            self._usage = _add(self._usage, event.usage)
        self.whole, self._answered = self._answered and not self.batch.shown, False
        return []


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _texts(parts: Json) -> tuple[str, ...]:
    if not isinstance(parts, list):
        return ()
    return tuple(
        part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)
    )


def _add(total: Usage | None, new: b.TokenUsage) -> Usage:
    before = total or Usage()
    return Usage(
        before.input_tokens + new.inputTokens,
        before.cached_tokens + new.cachedInputTokens,
        before.cache_write_tokens + new.cacheWriteInputTokens,
        before.output_tokens + new.outputTokens,
        before.reasoning_tokens + new.reasoningOutputTokens,
    )


_TELLS: Final[dict[type, Callable[[Telling, Any], list[Event]]]] = {
    b.MessageDelta: Telling._delta,
    b.SummaryTextDelta: Telling._summary,
    b.ReasoningTextDelta: Telling._thought,
    b.ItemStarted: Telling._item_started,
    b.ItemCompleted: Telling._item_completed,
    b.RawItemCompleted: Telling._raw_item,
    b.RawResponseCompleted: Telling._response_completed,
}

TOLD: Final = frozenset(_TELLS)
"""The events that are told of a running answer; the rest are about the thread."""

_RAW: Final[dict[str, Callable[[Telling, dict[str, Json]], list[Event]]]] = {
    "message": Telling._raw_message,
    "reasoning": Telling._raw_reasoning,
    "function_call": Telling._raw_call,
}
