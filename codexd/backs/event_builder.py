"""Builds a grammatical sequence of events for one response, whatever the child sends and in any order.

The translator names items by the child's ids; the builder assigns indexes. Several items may be open at once,
because the child passes on the provider's interleaved items. An item is closed when its complete form is
received, or at the end. A message whose text is complete stays open for annotations: it is closed when they
arrive or when another item opens. A closed item accepts no more events, unless an item is started anew with
its id. No event follows the end.
"""

from collections.abc import Iterable

from attrs import define, field

from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.turn import JsonText, ToolCall


@define
class _OpenMessageItem:
    """An open message: its index, its text so far, and whether that text is complete."""

    index: int
    texts: list[str] = field(factory=list)
    complete: bool = False

    def close(self, complete: bool) -> e.Event:
        return e.MessageClosed(self.index, complete or self.complete)


@define
class _ReasoningParts:
    """The parts of one kind (summary or text) of a reasoning item, by the child's numbers and by ours.

    Our numbers have no gaps: an empty part gets none, and text for an earlier part is added to the last one.

    Attributes:
        texts: the text so far, by the child's number.
        last: the child's highest number.
        number: our number for it.
    """

    texts: dict[int, list[str]] = field(factory=dict)
    last: int = -1
    number: int = -1

    def add(self, part: int, text: str) -> int:
        if self.number < 0 or part > self.last:
            self.last, self.number = part, self.number + 1
        self.texts.setdefault(part, []).append(text)
        return self.number


@define
class _OpenReasoningItem:
    """An open reasoning item."""

    index: int
    parts: dict[type, _ReasoningParts] = field(
        factory=lambda: {e.SummaryDelta: _ReasoningParts(), e.ThoughtDelta: _ReasoningParts()}
    )

    def close(self, complete: bool) -> e.Event:
        return e.ReasoningClosed(self.index, None, complete)


@define
class _OpenSearchItem:
    """An open web search."""

    index: int

    def close(self, complete: bool) -> e.Event:
        return e.SearchClosed(self.index, None, complete)


class EventBuilder:
    """Builds the events of one response. Every method returns the events to emit now.

    Attributes:
        ended: the last event was emitted, or the builder was stopped.
        failed: the last event was a failure.
        has_incomplete_message: a message never became complete: the child may lack its text in its history.
    """

    def __init__(self) -> None:
        self.ended = False
        self.failed = False
        self.has_incomplete_message = False
        self._began = False
        self._item_count = 0
        # By the child's ids; None once closed.
        self._messages: dict[str, _OpenMessageItem | None] = {}
        self._reasoning: dict[str, _OpenReasoningItem | None] = {}
        self._searches: dict[str, _OpenSearchItem | None] = {}
        self._texts: list[str] = []

    @property
    def size_bytes(self) -> int:
        """The size of all output so far in UTF-8, with reasoning and calls."""
        return sum(len(text.encode()) for text in self._texts)

    def open_message(self, id: str, phase: str | None = None) -> list[e.Event]:
        """Open a message, unless it is open."""
        known = self._messages.get(id)
        if self.ended or (known is not None and not known.complete):
            return []
        events, message = self._start_item(), _OpenMessageItem(self._next_index())
        self._messages[id] = message
        return [*events, e.MessageOpened(message.index, id, phase)]

    def add_text(self, id: str, text: str) -> list[e.Event]:
        """Add text to a message; the hot path."""
        events = [] if id in self._messages else self.open_message(id)
        message = self._messages.get(id)
        if message is None or message.complete or not text:
            return events
        message.texts.append(text)
        self._texts.append(text)
        return [*events, e.TextDelta(message.index, text)]

    def complete_message(self, id: str, text: str, phase: str | None) -> list[e.Event]:
        """Add the text of a message that no delta brought; `text` is the complete text."""
        events = [] if id in self._messages else self.open_message(id, phase)
        message = self._messages.get(id)
        if message is None or message.complete:
            return events
        events += self.add_text(id, _missing_text(text, message.texts))
        message.complete = True
        return events

    def annotate_message(self, id: str, annotations: Iterable[JsonText]) -> list[e.Event]:
        """Annotate a message whose text is complete, and close it."""
        message = self._messages.get(id)
        if message is None or not message.complete:
            return []
        self._messages[id] = None
        events = [e.Annotated(message.index, annotation) for annotation in annotations]
        return [*events, message.close(complete=True)]

    def open_reasoning(self, id: str) -> list[e.Event]:
        """Open a reasoning item, unless it is open."""
        if self.ended or self._reasoning.get(id) is not None:
            return []
        events, reasoning = self._start_item(), _OpenReasoningItem(self._next_index())
        self._reasoning[id] = reasoning
        return [*events, e.ReasoningOpened(reasoning.index, id)]

    def add_summary(self, id: str, part: int, text: str) -> list[e.Event]:
        """Add text to a reasoning summary; `part` is the child's number."""
        return self._add_reasoning(id, part, text, e.SummaryDelta)

    def add_reasoning(self, id: str, part: int, text: str) -> list[e.Event]:
        """Add open reasoning text; `part` is the child's number."""
        return self._add_reasoning(id, part, text, e.ThoughtDelta)

    def complete_reasoning(
        self, id: str, summary: tuple[str, ...], content: tuple[str, ...], encrypted: str | None
    ) -> list[e.Event]:
        """Close a reasoning item, after the text of it that no delta brought."""
        events = [] if id in self._reasoning else self.open_reasoning(id)
        reasoning = self._reasoning.get(id)
        if reasoning is None:
            return events
        for delta, complete in ((e.SummaryDelta, summary), (e.ThoughtDelta, content)):
            texts = reasoning.parts[delta].texts
            for part, text in enumerate(complete):
                events += self._add_reasoning(id, part, _missing_text(text, texts.get(part, [])), delta)
        self._reasoning[id] = None
        return [*events, e.ReasoningClosed(reasoning.index, encrypted)]

    def open_search(self, id: str) -> list[e.Event]:
        """Open a web search, unless it is open."""
        if self.ended or self._searches.get(id) is not None:
            return []
        events, search = self._start_item(), _OpenSearchItem(self._next_index())
        self._searches[id] = search
        return [*events, e.SearchOpened(search.index, id)]

    def close_search(self, id: str, action: JsonText | None) -> list[e.Event]:
        """Close a web search."""
        events = [] if id in self._searches else self.open_search(id)
        search, self._searches[id] = self._searches.get(id), None
        return events if search is None else [*events, e.SearchClosed(search.index, action)]

    def add_call(self, call: ToolCall) -> list[e.Event]:
        """Add a complete tool call; the child never sends parts of one."""
        if self.ended:
            return []
        events, index = self._start_item(), self._next_index()
        id = call.id or f"fc_{call.call_id}"
        events.append(
            e.CallOpened(
                index=index, id=id, call_id=call.call_id, name=call.name, kind=call.kind, namespace=call.namespace
            )
        )
        if call.arguments:
            self._texts.append(call.arguments)
            events.append(e.CallDelta(index, call.arguments))
        return [*events, e.CallClosed(index)]

    def end(self, finish: e.Finish, usage: e.Usage) -> list[e.Event]:
        """End the response; open items are closed, as incomplete if the response was cut."""
        if self.ended:
            return []
        events = self._start_item()
        self.has_incomplete_message = any(message is not None for message in self._messages.values())
        events += self._close_all(complete=finish not in ("length", "content_filter"))
        self.stop()
        return [*events, e.UsageReported(usage), e.Ended(finish)]

    def fail(self, fault: Fault) -> list[e.Event]:
        """End the response with a failure."""
        if self.ended:
            return []
        events = self._close_complete_messages()
        self.stop()
        self.failed = True
        return [*events, e.Failed(fault)]

    def stop(self) -> None:
        """Emit no more events."""
        self.ended = True
        self._messages.clear()
        self._reasoning.clear()
        self._searches.clear()

    def _start_item(self) -> list[e.Event]:
        """Return the events that must precede the next item."""
        if self._began:
            return self._close_complete_messages()
        self._began = True
        return [e.Began()]

    def _close_complete_messages(self) -> list[e.Event]:
        ids = [id for id, message in self._messages.items() if message is not None and message.complete]
        return [event for id in ids for event in self.annotate_message(id, ())]

    def _next_index(self) -> int:
        index, self._item_count = self._item_count, self._item_count + 1
        return index

    def _add_reasoning(
        self, id: str, part: int, text: str, delta: type[e.SummaryDelta] | type[e.ThoughtDelta]
    ) -> list[e.Event]:
        events = [] if id in self._reasoning else self.open_reasoning(id)
        reasoning = self._reasoning.get(id)
        if reasoning is None or not text:
            return events
        self._texts.append(text)
        return [*events, delta(reasoning.index, reasoning.parts[delta].add(part, text), text)]

    def _close_all(self, complete: bool) -> list[e.Event]:
        items = [*self._messages.values(), *self._reasoning.values(), *self._searches.values()]
        still_open = sorted((item for item in items if item is not None), key=lambda item: item.index)
        return [item.close(complete) for item in still_open]


def _missing_text(complete: str, texts: list[str]) -> str:
    """Return the rest of a complete text after the deltas; nothing if the deltas were another text."""
    received = "".join(texts)
    return complete[len(received) :] if complete.startswith(received) else ""
