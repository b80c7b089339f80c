"""Passes the events of one response through a converter (`codexd.tools.converters`)."""

from collections.abc import Callable
from typing import Final, Literal

from zope.interface import implementer

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.turn import Turn
from codexd.policy import estimate
from codexd.routing.internal_error import internal_failure
from codexd.tools.converters import CallsToText, TextToCalls

_OUTPUT_DELTAS: Final = (e.TextDelta, e.RefusalDelta, e.SummaryDelta, e.ThoughtDelta, e.CallDelta)
_ModelState = Literal["running", "ended", "failed", "cancelled"]


@implementer(IEventSink, ITurnHandle)
class ToolTextFilter:
    """Converts a model's events and passes them to a sink.

    Cancels the model once the converter will forward nothing more. If the converter ends the response before
    the model does and the model reported no usage, the usage is an estimate.

    Args:
        turn: the request.
        converter: the converter of this response.
        sink: receives the converted events.
        count: counts an entry of `codexd.observe.metrics.COUNTERS`.
        request_id: the id of the request, for the log.

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

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields that the back end ignored (ITurnHandle)."""
        return () if self.handle is None else tuple(self.handle.ignored)

    def receive(self, event: e.Event) -> None:
        """Convert the next event and pass on the result (IEventSink)."""
        if self._ended:
            return
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
        if self.handle is not None:
            self.handle.pause()

    def resume(self) -> None:
        """Resume the model's events (ITurnHandle)."""
        if self.handle is not None:
            self.handle.resume()

    def _cancel_model(self) -> None:
        """Cancel the model unless it has ended, failed or been cancelled already."""
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
