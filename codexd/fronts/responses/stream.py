"""A neutral sentence as a Responses stream: typed events, numbered from 0 without gaps, in OpenAI's order.

`created`, `in_progress`; for each item `output_item.added`, its parts and deltas, `output_item.done`; then
the one terminal event, `completed`, `incomplete` or `failed`. There is no `[DONE]`.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import Factory, define

from codexd.fronts.exchange import Stamp
from codexd.fronts.responses import answer
from codexd.fronts.responses.answer import Echo
from codexd.fronts.responses.strands import CALLS, STRANDS, Strand
from codexd.neutral import event as e
from codexd.neutral.reply import Fold, Output, Reply
from codexd.neutral.turn import JsonText, Message, Reasoning, Search, ToolCall
from codexd.wire.json import Json, encode
from codexd.wire.sse import comment, frame


@define
class _Run:
    """One strand while it grows. What its delta events have in common is encoded once."""

    strand: Strand
    part: int
    place: bytes
    event: bytes
    head: bytes
    tail: bytes
    annotations: int = 0


@define
class _OpenItem:
    """One item between its `added` and its `done`."""

    place: bytes
    runs: dict[type, _Run] = Factory(dict)


class ResponsesEncoder:
    """Writes one streamed Response (`codexd.fronts.exchange.Encoder`).

    The fold it keeps is its only memory of the answer.
    """

    def __init__(self, stamp: Stamp, echo: Echo) -> None:
        self._stamp = stamp
        self._echo = echo
        self._fold = Fold()
        self._items: dict[int, _OpenItem] = {}
        self._sequence = 0
        self._queued = False

    def queued(self) -> list[bytes]:
        """Give the frames that say the answer was accepted (`codexd.fronts.exchange.QueuedEncoder`)."""
        self._queued = True
        return [self._lifecycle(b"response.created", Reply()), self._lifecycle(b"response.queued", Reply())]

    def feed(self, event: e.Event, choice: int = 0) -> list[bytes]:
        """Give the frames this event amounts to, one an element; a Responses answer has only choice 0."""
        self._fold.feed(event)
        return _WRITES[type(event)](self, event)

    def keepalive(self) -> bytes:
        """Give OpenAI's own `keepalive` event, which takes a number: comments do not calm Codex's idle timer.

        Before `response.created`, which must come first, it is a comment.
        """
        return self._event(b"keepalive") if self._sequence else comment(b"keep-alive")

    # The answer's beginning and end.

    def _began(self, event: e.Event) -> list[bytes]:
        running = (
            [b"response.in_progress"] if self._queued else [b"response.created", b"response.in_progress"]
        )
        self._queued = False
        return [self._lifecycle(stage, Reply()) for stage in running]

    def _counted(self, event: e.UsageReported) -> list[bytes]:
        return []

    def _over(self, event: e.Ended | e.Failed) -> list[bytes]:
        # Comments may have spent the HTTP status before the model began: then even a failure begins properly.
        begun = [] if self._sequence else self._began(event)
        reply = self._fold.reply()
        self._queued = False
        return [*begun, self._lifecycle(answer.terminal(answer.status(reply)), reply)]

    def _lifecycle(self, event: bytes, reply: Reply) -> bytes:
        snapshot = answer.response(reply, self._stamp, self._echo, self._queued)
        return self._event(event, b',"response":' + snapshot)

    # Items.

    def _message_opened(self, event: e.MessageOpened) -> list[bytes]:
        return self._added(event, Message("assistant", (), event.phase, event.id))

    def _reasoning_opened(self, event: e.ReasoningOpened) -> list[bytes]:
        return self._added(event, Reasoning(id=event.id))

    def _call_opened(self, event: e.CallOpened) -> list[bytes]:
        call = ToolCall(event.call_id, event.name, "", event.kind, event.namespace, event.id)
        return self._added(event, call) + self._start(event.index, e.CallDelta, CALLS[event.kind])

    def _search_opened(self, event: e.SearchOpened) -> list[bytes]:
        frames = self._added(event, Search(event.id))
        return frames + [self._searched(event.index, stage) for stage in (b"in_progress", b"searching")]

    def _search_closed(self, event: e.SearchClosed) -> list[bytes]:
        frames = [self._searched(event.index, b"completed")] if event.complete else []
        return frames + self._closed(event)

    def _searched(self, index: int, stage: bytes) -> bytes:
        return self._event(b"response.web_search_call." + stage, self._items[index].place)

    def _added(self, event: e.Opened, empty: Output) -> list[bytes]:
        place = b',"item_id":%b,"output_index":%d' % (encode(event.id), event.index)
        self._items[event.index] = _OpenItem(place)
        shown = answer.item(empty, self._echo.sealed, "in_progress")
        return [self._item(b"added", event.index, encode(shown))]

    def _message_closed(self, event: e.MessageClosed) -> list[bytes]:
        # A message without a word has one empty part, as its fold has.
        silent = not self._items[event.index].runs
        frames = self._start_text(event.index) if silent else []
        return frames + self._closed(event)

    def _closed(self, event: e.Closed) -> list[bytes]:
        frames: list[bytes] = []
        for run in self._items.pop(event.index).runs.values():
            frames += self._finished(event.index, run)
        shown = answer.item(self._fold.item(event.index), self._echo.sealed)
        return [*frames, self._item(b"done", event.index, encode(shown))]

    def _item(self, stage: bytes, index: int, shown: bytes) -> bytes:
        return self._event(b"response.output_item." + stage, b',"output_index":%d,"item":%b' % (index, shown))

    # What grows inside an item.

    def _said(self, event: e.TextDelta) -> list[bytes]:
        run = self._items[event.index].runs.get(e.TextDelta)
        if run is None:
            return self._start_text(event.index) + self._said(event)
        if event.logprobs is not None:
            return [self._weighed(run, event.text, event.logprobs)]
        return [self._grown(run, event.text)]

    def _start_text(self, index: int) -> list[bytes]:
        return self._start(index, e.TextDelta, STRANDS[e.TextDelta])

    def _annotated(self, event: e.Annotated) -> list[bytes]:
        run = self._items[event.index].runs.get(e.TextDelta)
        if run is None:
            return self._start_text(event.index) + self._annotated(event)
        number, run.annotations = run.annotations, run.annotations + 1
        members = b',"annotation_index":%d,"annotation":%b' % (number, event.annotation.encode())
        return [self._event(b"response.output_text.annotation.added", run.place + members)]

    def _argued(self, event: e.CallDelta) -> list[bytes]:
        return [self._grown(self._items[event.index].runs[e.CallDelta], event.text)]

    def _refused(self, event: e.RefusalDelta) -> list[bytes]:
        runs = self._items[event.index].runs
        run = runs.get(e.RefusalDelta)
        if run is not None:
            return [self._grown(run, event.text)]
        text = runs.pop(e.TextDelta, None)
        frames = [] if text is None else self._finished(event.index, text)
        part = 0 if text is None else 1
        frames += self._start(event.index, e.RefusalDelta, STRANDS[e.RefusalDelta], part)
        return frames + self._refused(event)

    def _thought(self, event: e.SummaryDelta | e.ThoughtDelta) -> list[bytes]:
        kind = type(event)
        run = self._items[event.index].runs.get(kind)
        if run is not None and run.part == event.part:
            return [self._grown(run, event.text)]
        frames = [] if run is None else self._finished(event.index, run)
        frames += self._start(event.index, kind, STRANDS[kind], event.part)
        return frames + self._thought(event)

    def _start(self, index: int, kind: type, strand: Strand, part: int = 0) -> list[bytes]:
        item = self._items[index]
        framing = strand.framing
        place = item.place if framing is None else b'%b,"%b":%d' % (item.place, framing.counter, part)
        event = b"response.%b.delta" % strand.event
        head = b'{"type":"%b"%b,"delta":' % (event, place)
        tail = _logprobs(strand, None) + b',"sequence_number":'
        item.runs[kind] = run = _Run(strand, part, place, event, head, tail)
        return self._framed(b"added", run, None if framing is None else framing.empty)

    def _grown(self, run: _Run, text: str) -> bytes:
        number = self._sequence
        self._sequence = number + 1
        return frame(b"%b%b%b%d}" % (run.head, encode(text), run.tail, number), run.event)

    def _weighed(self, run: _Run, text: str, logprobs: JsonText) -> bytes:
        members = b'%b,"delta":%b%b' % (run.place, encode(text), _logprobs(run.strand, logprobs))
        return self._event(run.event, members)

    def _finished(self, index: int, run: _Run) -> list[bytes]:
        item = self._fold.item(index)
        strand, framing = run.strand, run.strand.framing
        text = encode(strand.text(item, run.part))
        weighed = None if strand.logprobs is None else strand.logprobs(item, run.part)
        members = b'%b,"%b":%b%b' % (run.place, strand.whole, text, _logprobs(strand, weighed))
        if isinstance(item, ToolCall):
            members += b',"name":' + encode(item.name)  # older SDKs want it
        whole = None if framing is None else framing.part(item, run.part)
        return [self._event(b"response.%b.done" % strand.event, members), *self._framed(b"done", run, whole)]

    def _framed(self, stage: bytes, run: _Run, part: Json) -> list[bytes]:
        framing = run.strand.framing
        if framing is None:
            return []
        members = run.place + b',"part":' + encode(part)
        return [self._event(b"response.%b.%b" % (framing.event, stage), members)]

    def _event(self, name: bytes, members: bytes = b"") -> bytes:
        number = self._sequence
        self._sequence = number + 1
        return frame(b'{"type":"%b"%b,"sequence_number":%d}' % (name, members, number), name)


def _logprobs(strand: Strand, logprobs: JsonText | None) -> bytes:
    """Give the member that OpenAI's types require of events of a text, if it is one."""
    return b"" if strand.logprobs is None else b',"logprobs":' + encode(answer.tokens(logprobs))


_WRITES: Final[dict[type, Callable[[ResponsesEncoder, Any], list[bytes]]]] = {
    e.Began: ResponsesEncoder._began,
    e.MessageOpened: ResponsesEncoder._message_opened,
    e.TextDelta: ResponsesEncoder._said,
    e.Annotated: ResponsesEncoder._annotated,
    e.RefusalDelta: ResponsesEncoder._refused,
    e.MessageClosed: ResponsesEncoder._message_closed,
    e.ReasoningOpened: ResponsesEncoder._reasoning_opened,
    e.SummaryDelta: ResponsesEncoder._thought,
    e.ThoughtDelta: ResponsesEncoder._thought,
    e.ReasoningClosed: ResponsesEncoder._closed,
    e.CallOpened: ResponsesEncoder._call_opened,
    e.CallDelta: ResponsesEncoder._argued,
    e.CallClosed: ResponsesEncoder._closed,
    e.SearchOpened: ResponsesEncoder._search_opened,
    e.SearchClosed: ResponsesEncoder._search_closed,
    e.UsageReported: ResponsesEncoder._counted,
    e.Ended: ResponsesEncoder._over,
    e.Failed: ResponsesEncoder._over,
}
