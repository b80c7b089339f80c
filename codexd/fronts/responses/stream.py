"""Encoder of a Responses stream: typed events, numbered from 0 without gaps, in OpenAI's order.

`created`, `in_progress`; for each item `output_item.added`, its parts and deltas, `output_item.done`; then
the one terminal event, `completed`, `incomplete` or `failed`. There is no `[DONE]`.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import Factory, define

from codexd.fronts.dialect import ResponseIdentity, StreamEvent
from codexd.fronts.responses import objects
from codexd.fronts.responses.objects import Echo
from codexd.fronts.responses.part_events import CALL_EVENTS, TEXT_EVENTS, TextEvents
from codexd.neutral import event as e
from codexd.neutral.reply import Fold, OutputItem, Reply
from codexd.neutral.turn import Compaction, JsonText, Message, Reasoning, ToolCall, WebSearchCall
from codexd.wire.json import Json, encode


@define(kw_only=True)
class _OpenText:
    """A growing text; the bytes that its delta events share are encoded once."""

    events: TextEvents
    part: int
    location: bytes
    event: bytes
    head: bytes
    tail: bytes
    annotations: int = 0


@define
class _OpenItem:
    """An item between its `added` and its `done`."""

    location: bytes
    open_texts: dict[type, _OpenText] = Factory(dict)


class ResponsesEncoder:
    """Encodes one streamed Response (`codexd.fronts.dialect.Encoder`).

    Its fold is its only copy of the response.
    """

    reads_folds = True

    def __init__(self, identity: ResponseIdentity, echo: Echo, fold: Fold) -> None:
        self._identity = identity
        self._echo = echo
        self._fold = fold
        self._items: dict[int, _OpenItem] = {}
        self._sequence = 0
        self._queued = False

    def queued(self) -> list[StreamEvent]:
        """Return the events that announce an accepted response (`codexd.fronts.dialect.QueuedEncoder`)."""
        self._queued = True
        return [self._lifecycle(b"response.created", Reply()), self._lifecycle(b"response.queued", Reply())]

    def feed(self, event: e.Event, choice: int = 0) -> list[StreamEvent]:
        """Return the stream events of this event; a Responses response has only choice 0."""
        return _WRITES[type(event)](self, event)

    def keep_alive(self) -> StreamEvent | None:
        """Return OpenAI's `keepalive` event, which takes a number: comments do not reset Codex's idle timer.

        None before `response.created`, which must come first.
        """
        return self._event(b"keepalive") if self._sequence else None

    # The response's beginning and end.

    def _began(self, event: e.Event) -> list[StreamEvent]:
        running = [b"response.in_progress"] if self._queued else [b"response.created", b"response.in_progress"]
        self._queued = False
        return [self._lifecycle(stage, Reply()) for stage in running]

    def _ignore(self, event: e.UsageReported) -> list[StreamEvent]:
        return []

    def _terminal(self, event: e.Ended | e.Failed) -> list[StreamEvent]:
        # Keep-alive comments may have opened the stream before the model began: a failure then begins it.
        begun = [] if self._sequence else self._began(event)
        reply = self._fold.build_reply()
        self._queued = False
        return [*begun, self._lifecycle(objects.terminal_event_name(objects.response_status(reply)), reply)]

    def _lifecycle(self, event: bytes, reply: Reply) -> StreamEvent:
        snapshot = objects.render_response(reply, self._identity, self._echo, self._queued)
        return self._event(event, b',"response":' + snapshot)

    # Items.

    def _message_opened(self, event: e.MessageOpened) -> list[StreamEvent]:
        return self._open_item(event, Message(role="assistant", parts=(), phase=event.phase, id=event.id))

    def _reasoning_opened(self, event: e.ReasoningOpened) -> list[StreamEvent]:
        return self._open_item(event, Reasoning(id=event.id))

    def _call_opened(self, event: e.CallOpened) -> list[StreamEvent]:
        call = ToolCall(
            call_id=event.call_id,
            name=event.name,
            arguments="",
            kind=event.kind,
            namespace=event.namespace,
            id=event.id,
        )
        written = self._open_item(event, call)
        # The arguments of a tool search are an object, which has no deltas.
        events = CALL_EVENTS.get(event.kind)
        return written if events is None else written + self._open_text(event.index, e.CallDelta, events)

    def _search_opened(self, event: e.SearchOpened) -> list[StreamEvent]:
        written = self._open_item(event, WebSearchCall(event.id))
        return written + [self._search_event(event.index, stage) for stage in (b"in_progress", b"searching")]

    def _search_closed(self, event: e.SearchClosed) -> list[StreamEvent]:
        written = [self._search_event(event.index, b"completed")] if event.complete else []
        return written + self._close_item(event)

    def _search_event(self, index: int, stage: bytes) -> StreamEvent:
        return self._event(b"response.web_search_call." + stage, self._items[index].location)

    def _compaction_opened(self, event: e.CompactionOpened) -> list[StreamEvent]:
        return self._open_item(event, Compaction(id=event.id))

    def _open_item(self, event: e.Opened, empty: OutputItem) -> list[StreamEvent]:
        location = b',"item_id":%b,"output_index":%d' % (encode(event.id), event.index)
        self._items[event.index] = _OpenItem(location)
        shown = objects.build_item(empty, self._echo.include_encrypted, "in_progress")
        return [self._item_event(b"added", event.index, encode(shown))]

    def _message_closed(self, event: e.MessageClosed) -> list[StreamEvent]:
        # An empty message has one empty part, as in its fold.
        silent = not self._items[event.index].open_texts
        written = self._open_output_text(event.index) if silent else []
        return written + self._close_item(event)

    def _close_item(self, event: e.Closed) -> list[StreamEvent]:
        written: list[StreamEvent] = []
        for open_text in self._items.pop(event.index).open_texts.values():
            written += self._close_text(event.index, open_text)
        shown = objects.build_item(self._fold.build_item(event.index), self._echo.include_encrypted)
        return [*written, self._item_event(b"done", event.index, encode(shown))]

    def _item_event(self, stage: bytes, index: int, shown: bytes) -> StreamEvent:
        return self._event(b"response.output_item." + stage, b',"output_index":%d,"item":%b' % (index, shown))

    # Growing texts inside an item.

    def _text_delta(self, event: e.TextDelta) -> list[StreamEvent]:
        open_text = self._items[event.index].open_texts.get(e.TextDelta)
        if open_text is None:
            return self._open_output_text(event.index) + self._text_delta(event)
        if event.logprobs is not None:
            return [self._delta_with_logprobs(open_text, event.text, event.logprobs)]
        return [self._delta(open_text, event.text)]

    def _open_output_text(self, index: int) -> list[StreamEvent]:
        return self._open_text(index, e.TextDelta, TEXT_EVENTS[e.TextDelta])

    def _annotation(self, event: e.Annotated) -> list[StreamEvent]:
        open_text = self._items[event.index].open_texts.get(e.TextDelta)
        if open_text is None:
            return self._open_output_text(event.index) + self._annotation(event)
        number, open_text.annotations = open_text.annotations, open_text.annotations + 1
        members = b',"annotation_index":%d,"annotation":%b' % (number, event.annotation.encode())
        return [self._event(b"response.output_text.annotation.added", open_text.location + members)]

    def _arguments_delta(self, event: e.CallDelta) -> list[StreamEvent]:
        open_text = self._items[event.index].open_texts.get(e.CallDelta)
        return [] if open_text is None else [self._delta(open_text, event.text)]

    def _refusal_delta(self, event: e.RefusalDelta) -> list[StreamEvent]:
        open_texts = self._items[event.index].open_texts
        open_text = open_texts.get(e.RefusalDelta)
        if open_text is not None:
            return [self._delta(open_text, event.text)]
        text = open_texts.pop(e.TextDelta, None)
        written = [] if text is None else self._close_text(event.index, text)
        part = 0 if text is None else 1
        written += self._open_text(event.index, e.RefusalDelta, TEXT_EVENTS[e.RefusalDelta], part)
        return written + self._refusal_delta(event)

    def _reasoning_delta(self, event: e.SummaryDelta | e.ThoughtDelta) -> list[StreamEvent]:
        kind = type(event)
        open_text = self._items[event.index].open_texts.get(kind)
        if open_text is not None and open_text.part == event.part:
            return [self._delta(open_text, event.text)]
        written = [] if open_text is None else self._close_text(event.index, open_text)
        written += self._open_text(event.index, kind, TEXT_EVENTS[kind], event.part)
        return written + self._reasoning_delta(event)

    def _open_text(self, index: int, kind: type, events: TextEvents, part: int = 0) -> list[StreamEvent]:
        item = self._items[index]
        part_events = events.part_events
        location = item.location if part_events is None else b'%b,"%b":%d' % (item.location, part_events.counter, part)
        event = b"response.%b.delta" % events.event
        head = b'{"type":"%b"%b,"delta":' % (event, location)
        tail = _logprobs(events, None) + b',"sequence_number":'
        item.open_texts[kind] = open_text = _OpenText(
            events=events, part=part, location=location, event=event, head=head, tail=tail
        )
        return self._part_event(b"added", open_text, None if part_events is None else part_events.empty)

    def _delta(self, open_text: _OpenText, text: str) -> StreamEvent:
        number = self._sequence
        self._sequence = number + 1
        return open_text.event, b"%b%b%b%d}" % (open_text.head, encode(text), open_text.tail, number)

    def _delta_with_logprobs(self, open_text: _OpenText, text: str, logprobs: JsonText) -> StreamEvent:
        members = b'%b,"delta":%b%b' % (
            open_text.location,
            encode(text),
            _logprobs(open_text.events, logprobs),
        )
        return self._event(open_text.event, members)

    def _close_text(self, index: int, open_text: _OpenText) -> list[StreamEvent]:
        item = self._fold.build_item(index)
        events, part_events = open_text.events, open_text.events.part_events
        text = encode(events.text(item, open_text.part))
        weighed = None if events.logprobs is None else events.logprobs(item, open_text.part)
        members = b'%b,"%b":%b%b' % (open_text.location, events.done_member, text, _logprobs(events, weighed))
        if isinstance(item, ToolCall):
            members += b',"name":' + encode(item.name)  # required by older SDKs
        whole = None if part_events is None else part_events.part(item, open_text.part)
        return [
            self._event(b"response.%b.done" % events.event, members),
            *self._part_event(b"done", open_text, whole),
        ]

    def _part_event(self, stage: bytes, open_text: _OpenText, part: Json) -> list[StreamEvent]:
        part_events = open_text.events.part_events
        if part_events is None:
            return []
        members = open_text.location + b',"part":' + encode(part)
        return [self._event(b"response.%b.%b" % (part_events.event, stage), members)]

    def _event(self, name: bytes, members: bytes = b"") -> StreamEvent:
        number = self._sequence
        self._sequence = number + 1
        return name, b'{"type":"%b"%b,"sequence_number":%d}' % (name, members, number)


def _logprobs(events: TextEvents, logprobs: JsonText | None) -> bytes:
    """Return the member that OpenAI's types require of text events; other events have none."""
    return b"" if events.logprobs is None else b',"logprobs":' + encode(objects.build_logprobs(logprobs))


_WRITES: Final[dict[type, Callable[[ResponsesEncoder, Any], list[StreamEvent]]]] = {
    e.Began: ResponsesEncoder._began,
    e.MessageOpened: ResponsesEncoder._message_opened,
    e.TextDelta: ResponsesEncoder._text_delta,
    e.Annotated: ResponsesEncoder._annotation,
    e.RefusalDelta: ResponsesEncoder._refusal_delta,
    e.MessageClosed: ResponsesEncoder._message_closed,
    e.ReasoningOpened: ResponsesEncoder._reasoning_opened,
    e.SummaryDelta: ResponsesEncoder._reasoning_delta,
    e.ThoughtDelta: ResponsesEncoder._reasoning_delta,
    e.ReasoningClosed: ResponsesEncoder._close_item,
    e.CallOpened: ResponsesEncoder._call_opened,
    e.CallDelta: ResponsesEncoder._arguments_delta,
    e.CallClosed: ResponsesEncoder._close_item,
    e.SearchOpened: ResponsesEncoder._search_opened,
    e.SearchClosed: ResponsesEncoder._search_closed,
    e.CompactionOpened: ResponsesEncoder._compaction_opened,
    e.CompactionClosed: ResponsesEncoder._close_item,
    e.UsageReported: ResponsesEncoder._ignore,
    e.Ended: ResponsesEncoder._terminal,
    e.Failed: ResponsesEncoder._terminal,
}
