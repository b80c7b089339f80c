"""Folds the events of one turn into a reply: one choice of an answer.

The body of a response that is not streamed is this fold, and the last event of a Responses stream contains it; there is
no second implementation.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import define, field

from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.neutral.turn import (
    Compaction,
    JsonText,
    Message,
    Part,
    Reasoning,
    RefusalPart,
    TextPart,
    ToolCall,
    WebSearchCall,
)

OutputItem = Message | Reasoning | ToolCall | WebSearchCall | Compaction


@frozen(kw_only=True)
class Reply:
    """The result of one turn: its items in order, its finish reason or fault, and its token usage.

    Attributes:
        items: the output items, in the order they opened.
        finish: the finish reason; None if the turn failed or has not ended.
        usage: the reported token usage.
        fault: the failure that ended the turn.
        reasoning: the parts of all reasoning (summaries and unencrypted text) in the order they began. The
            items do not record this order across the two kinds.
    """

    items: tuple[OutputItem, ...] = ()
    finish: e.Finish | None = None
    usage: e.Usage | None = None
    fault: Fault | None = None
    reasoning: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of all messages, in order."""
        return "".join(part.text for part in self.text_parts)

    @property
    def text_parts(self) -> tuple[TextPart, ...]:
        """The text parts of all messages, in order."""
        messages = (item for item in self.items if isinstance(item, Message))
        return tuple(part for message in messages for part in message.parts if isinstance(part, TextPart))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple(item for item in self.items if isinstance(item, ToolCall))


@define(kw_only=True)
class _ItemBuffer:
    """Collects the deltas of one item. They are joined only when the item is built."""

    opened: e.Opened
    text: list[str] = field(factory=list)
    annotations: list[JsonText] = field(factory=list)
    logprobs: list[JsonText] = field(factory=list)
    refusal: list[str] = field(factory=list)
    summary: list[list[str]] = field(factory=list)
    content: list[list[str]] = field(factory=list)
    encrypted: str | None = None
    action: JsonText | None = None
    compacted: e.CompactionClosed | None = None
    complete: bool = False


def _join(parts: list[list[str]]) -> tuple[str, ...]:
    return tuple("".join(part) for part in parts)


def concat_json_arrays(arrays: Iterable[JsonText]) -> JsonText | None:
    """Concatenate non-empty JSON arrays into one; return None if there are none."""
    elements = ",".join(array[1:-1] for array in arrays)
    return f"[{elements}]" if elements else None


def _message(item: _ItemBuffer) -> Message:
    assert isinstance(item.opened, e.MessageOpened)
    parts: list[Part] = []
    if item.text or item.annotations or not item.refusal:
        parts.append(TextPart("".join(item.text), tuple(item.annotations), concat_json_arrays(item.logprobs)))
    if item.refusal:
        parts.append(RefusalPart("".join(item.refusal)))
    return Message(
        role="assistant", parts=tuple(parts), phase=item.opened.phase, id=item.opened.id, complete=item.complete
    )


def _reasoning(item: _ItemBuffer) -> Reasoning:
    return Reasoning(
        summary=_join(item.summary),
        content=_join(item.content),
        encrypted=item.encrypted,
        id=item.opened.id,
        complete=item.complete,
    )


def _call(item: _ItemBuffer) -> ToolCall:
    opened = item.opened
    assert isinstance(opened, e.CallOpened)
    return ToolCall(
        call_id=opened.call_id,
        name=opened.name,
        arguments="".join(item.text),
        kind=opened.kind,
        namespace=opened.namespace,
        id=opened.id,
        complete=item.complete,
    )


def _search(item: _ItemBuffer) -> WebSearchCall:
    return WebSearchCall(item.opened.id, item.action, item.complete)


def _compaction(item: _ItemBuffer) -> Compaction:
    closed = item.compacted
    return Compaction(
        summary=None if closed is None else closed.summary,
        replaces_history=closed is not None and closed.replaces_history,
        id=item.opened.id,
        complete=item.complete,
    )


_BUILDERS: Final[dict[type, Callable[[_ItemBuffer], OutputItem]]] = {
    e.MessageOpened: _message,
    e.ReasoningOpened: _reasoning,
    e.CallOpened: _call,
    e.SearchOpened: _search,
    e.CompactionOpened: _compaction,
}


class Fold:
    """Folds events one by one. The reply can be built at any point."""

    def __init__(self) -> None:
        self._items: list[_ItemBuffer] = []
        self._finish: e.Finish | None = None
        self._usage: e.Usage | None = None
        self._fault: Fault | None = None
        self._reasoning: list[list[str]] = []

    def feed(self, event: e.Event) -> None:
        """Add the next event. The events must follow `grammar.py`."""
        _HANDLERS[type(event)](self, event)

    def build_item(self, index: int) -> OutputItem:
        """Build one item from the events so far."""
        buffer = self._items[index]
        return _BUILDERS[type(buffer.opened)](buffer)

    def build_reply(self) -> Reply:
        """Build the reply from the events so far."""
        items = tuple(self.build_item(index) for index in range(len(self._items)))
        return Reply(
            items=items, finish=self._finish, usage=self._usage, fault=self._fault, reasoning=_join(self._reasoning)
        )

    def _began(self, event: e.Began) -> None:
        """Ignore the event: it has no content."""

    def _opened(self, event: e.Opened) -> None:
        self._items.append(_ItemBuffer(opened=event))

    def _text(self, event: e.TextDelta) -> None:
        buffer = self._items[event.index]
        buffer.text.append(event.text)
        if event.logprobs is not None:
            buffer.logprobs.append(event.logprobs)

    def _annotated(self, event: e.Annotated) -> None:
        self._items[event.index].annotations.append(event.annotation)

    def _arguments(self, event: e.CallDelta) -> None:
        self._items[event.index].text.append(event.text)

    def _refusal(self, event: e.RefusalDelta) -> None:
        self._items[event.index].refusal.append(event.text)

    def _summary(self, event: e.SummaryDelta) -> None:
        self._append_part(self._items[event.index].summary, event)

    def _thought(self, event: e.ThoughtDelta) -> None:
        self._append_part(self._items[event.index].content, event)

    def _append_part(self, parts: list[list[str]], event: e.SummaryDelta | e.ThoughtDelta) -> None:
        if event.part == len(parts):
            parts.append([])
            self._reasoning.append(parts[-1])
        parts[event.part].append(event.text)

    def _closed(self, event: e.Closed) -> None:
        buffer = self._items[event.index]
        buffer.complete = event.complete
        if isinstance(event, e.ReasoningClosed):
            buffer.encrypted = event.encrypted
        elif isinstance(event, e.SearchClosed):
            buffer.action = event.action
        elif isinstance(event, e.CompactionClosed):
            buffer.compacted = event

    def _usage_reported(self, event: e.UsageReported) -> None:
        self._usage = event.usage

    def _ended(self, event: e.Ended) -> None:
        self._finish = event.finish

    def _failed(self, event: e.Failed) -> None:
        self._fault = event.fault


_HANDLERS: Final[dict[type, Callable[[Fold, Any], None]]] = {
    e.Began: Fold._began,
    e.MessageOpened: Fold._opened,
    e.ReasoningOpened: Fold._opened,
    e.CallOpened: Fold._opened,
    e.SearchOpened: Fold._opened,
    e.CompactionOpened: Fold._opened,
    e.TextDelta: Fold._text,
    e.Annotated: Fold._annotated,
    e.CallDelta: Fold._arguments,
    e.RefusalDelta: Fold._refusal,
    e.SummaryDelta: Fold._summary,
    e.ThoughtDelta: Fold._thought,
    e.MessageClosed: Fold._closed,
    e.ReasoningClosed: Fold._closed,
    e.CallClosed: Fold._closed,
    e.SearchClosed: Fold._closed,
    e.CompactionClosed: Fold._closed,
    e.UsageReported: Fold._usage_reported,
    e.Ended: Fold._ended,
    e.Failed: Fold._failed,
}


def fold(events: Iterable[e.Event]) -> Reply:
    """Return the reply of all events of a turn."""
    folding = Fold()
    for event in events:
        folding.feed(event)
    return folding.build_reply()
