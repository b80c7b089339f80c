"""Passes the events of one response through a converter (`codexd.tools.converters`)."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Literal

from attrs import evolve
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.turn import Turn
from codexd.policy import estimate
from codexd.routing.internal_error import internal_failure
from codexd.tools.converters import CallsToText, TextToCalls

SLICE_CHARACTERS: Final = 16 * 2**10
"""How much text is converted in one reactor iteration: a model can write very many blocks into one delta."""

_OUTPUT_DELTAS: Final = (e.TextDelta, e.RefusalDelta, e.SummaryDelta, e.ThoughtDelta, e.CallDelta)
_ModelState = Literal["running", "ended", "failed", "cancelled"]


@implementer(IEventSink, ITurnHandle)
class ToolTextFilter:
    """Converts a model's events and passes them to a sink.

    Cancels the model once the converter will forward nothing more. If the converter ends the response before
    the model does and the model reported no usage, the usage is an estimate.

    A long delta is converted in slices, one for each reactor iteration; the model is paused meanwhile, and what it has
    sent already waits.

    Args:
        turn: the request.
        converter: the converter of this response.
        sink: receives the converted events.
        count: counts an entry of `codexd.observe.metric_tables.COUNTERS`.
        request_id: the id of the request, for the log.
        clock: schedules the slices of long deltas; without one they are converted at once.

    Attributes:
        handle: the model's handle; set once the model's response has begun.
    """

    def __init__(
        self,
        turn: Turn,
        converter: TextToCalls | CallsToText,
        sink: IEventSink,
        count: Callable[[str], None],
        request_id: str,
        clock: IReactorTime | None = None,
    ) -> None:
        self.handle: ITurnHandle | None = None
        self._turn = turn
        self._converter = converter
        self._sink = sink
        self._count = count
        self._request_id = request_id
        self._output_bytes = 0
        self._usage_reported = self._ended = False
        self._model: _ModelState = "running"
        self._clock = clock
        self._waiting: deque[e.Event] = deque()
        self._timer: IDelayedCall | None = None
        self._client_paused = False

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields that the back end ignored (ITurnHandle)."""
        return () if self.handle is None else tuple(self.handle.ignored)

    def receive(self, event: e.Event) -> None:
        """Convert the next event and pass on the result (IEventSink)."""
        if self._ended:
            return
        if self._waiting:
            self._waiting.append(event)
        elif type(event) is e.TextDelta and len(event.text) > SLICE_CHARACTERS and self._clock is not None:
            self._waiting += _slices(event)
            self._schedule_slice()
            if self.handle is not None and not self._client_paused:
                self.handle.pause()
        else:
            self._convert(event)

    def _convert(self, event: e.Event) -> None:
        if isinstance(event, _OUTPUT_DELTAS):
            self._output_bytes += len(event.text.encode())
        elif isinstance(event, e.Ended | e.Failed):
            self._model = "ended" if isinstance(event, e.Ended) else "failed"
        self._usage_reported = self._usage_reported or isinstance(event, e.UsageReported)
        self._send(lambda: self._converter.feed(event))

    def settle(self) -> None:
        """End a response that will get no more events, then settle the sink (IEventSink)."""
        if self._converter.can_interrupt and not (self._usage_reported or self._ended):
            self._send(self._converter.finish)
        if self._ended:
            self._cancel_model()
        self._sink.settle()

    def cancel(self) -> None:
        """Cancel the response (ITurnHandle)."""
        self._ended = True
        self._cancel_model()

    def pause(self) -> None:
        """Pause the model's events (ITurnHandle)."""
        self._client_paused = True
        self._stop_timer()
        if self.handle is not None and not self._waiting:
            self.handle.pause()

    def resume(self) -> None:
        """Resume the model's events (ITurnHandle)."""
        self._client_paused = False
        if self._waiting:
            self._schedule_slice()
        elif self.handle is not None:
            self.handle.resume()

    # Long deltas.

    def _schedule_slice(self) -> None:
        if self._clock is not None and self._timer is None and not self._client_paused:
            self._timer = self._clock.callLater(0, self._convert_slice)

    def _convert_slice(self) -> None:
        """Convert the next slice, or the events that wait behind the last one."""
        self._timer = None
        size = 0
        while self._waiting and size < SLICE_CHARACTERS and not self._ended:
            event = self._waiting.popleft()
            size += len(event.text) if isinstance(event, _OUTPUT_DELTAS) else 1
            self._convert(event)
        if self._waiting and not self._ended:
            self._schedule_slice()
        elif self.handle is not None and not (self._client_paused or self._ended):
            self.handle.resume()
        self.settle()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _cancel_model(self) -> None:
        """Cancel the model unless it has ended, failed or been cancelled already."""
        self._stop_timer()
        self._waiting.clear()
        if self.handle is not None and self._model == "running":
            self._model = "cancelled"
            self.handle.cancel()

    def _send(self, convert: Callable[[], list[e.Event]]) -> None:
        try:
            events = convert()
        except Exception:
            events = [internal_failure(self._count, self._request_id)]
        for event in events:
            self._send_event(event)

    def _send_event(self, event: e.Event) -> None:
        self._ended = isinstance(event, e.Ended | e.Failed)
        ended_early = isinstance(event, e.Ended) and self._model != "ended"
        if ended_early and not self._usage_reported:
            self._sink.receive(e.UsageReported(estimate.usage(self._turn, self._output_bytes)))
        self._sink.receive(event)


def _slices(delta: e.TextDelta) -> Iterator[e.TextDelta]:
    """Cut a long delta; the last slice has its log probabilities."""
    text = delta.text
    last = (len(text) - 1) // SLICE_CHARACTERS * SLICE_CHARACTERS
    for at in range(0, last, SLICE_CHARACTERS):
        yield e.TextDelta(delta.index, text[at : at + SLICE_CHARACTERS])
    yield evolve(delta, text=text[last:])
