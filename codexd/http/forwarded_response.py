"""Writes the response of an upstream to the client as it arrives, no faster than the client reads it."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from codexd.answers.registry import ActiveAnswers
from codexd.context import CLIENT_DISCONNECTED
from codexd.http.request import Request
from codexd.http.response_headers import set_response_headers
from codexd.interfaces import IForwardingHandle, IForwardingReceiver
from codexd.neutral.fault import Fault, fault
from codexd.neutral.forwarded import ForwardedHead
from codexd.observe.metrics import Metrics


@implementer(IForwardingReceiver, IPushProducer)
class ForwardedResponse:
    """The response to one forwarded request; draining waits for it (`codexd.answers.registry.Drainable`).

    Args:
        request: the client's request.
        active: knows it until it is over.
        metrics: counts clients that disconnect or read too slowly.
        clock: for the write timeout.
        write_timeout_seconds: how long the client may read nothing before it is disconnected.

    Attributes:
        done: fires at the end of the response; Klein cancels it when the client is gone.
    """

    def __init__(
        self,
        request: Request,
        active: ActiveAnswers,
        metrics: Metrics,
        clock: IReactorTime,
        write_timeout_seconds: float,
    ) -> None:
        self.done: Deferred[bytes | None] = Deferred(self._client_disconnected)
        self._request = request
        self._active = active
        self._metrics = metrics
        self._clock = clock
        self._write_timeout_seconds = write_timeout_seconds
        self._handle: IForwardingHandle | None = None
        self._timer: IDelayedCall | None = None
        self._opened = self._over = False

    def start(self, forward: Callable[[], IForwardingHandle]) -> None:
        """Forward the request.

        Raises:
            FaultError: the refusal of `forward`, or `shutting_down`.
        """
        self._active.add(self)
        try:
            self._handle = forward()
        except BaseException:
            self._close()
            raise

    # IForwardingReceiver

    def open(self, head: ForwardedHead) -> None:
        """Send the status and the headers (IForwardingReceiver)."""
        request, record = self._request, self._request.record
        self._opened = True
        record.stream = head.is_event_stream
        record.first_event_seconds = self._clock.seconds() - record.began
        request.setResponseCode(head.status)
        request.note_sending()
        request.defaultContentType = None  # A body of a type that the server does not name is not called JSON.
        request.set_headers(head.headers)
        set_response_headers(request)
        request.registerProducer(self, True)

    def write(self, data: bytes) -> None:
        """Send a piece of the body (IForwardingReceiver)."""
        if not self._over:
            self._request.write_body(data)

    def finish(self) -> None:
        """End the response (IForwardingReceiver)."""
        if not self._over:
            self._close()
            self._request.unregisterProducer()
            self.done.callback(None)

    def fail(self, fault: Fault) -> None:
        """Send an error, or close the connection so that the client sees that the body is cut (IForwardingReceiver)."""
        if self._over:
            return
        if self._opened:
            self._abort(fault.kind, fault.note or "")
        else:
            self._close()
            self.done.callback(self._request.refuse(fault))

    # IPushProducer

    def pauseProducing(self) -> None:
        """Stop reading from the upstream: the client's connection is full (IPushProducer)."""
        if self._handle is not None and not self._over and self._timer is None:
            self._metrics.count("client_paused")
            self._request.record.model_pauses += 1
            self._timer = self._clock.callLater(self._write_timeout_seconds, self._write_timed_out)
            self._handle.pause()

    def resumeProducing(self) -> None:
        """Continue reading from the upstream (IPushProducer)."""
        self._stop_timer()
        if self._handle is not None and not self._over:
            self._handle.resume()

    def stopProducing(self) -> None:
        """Do nothing: Klein cancels `done` when the client is gone (IPushProducer)."""

    # The end.

    def shut_down(self) -> None:
        """End with `shutting_down`, now (Drainable)."""
        if not self._over:
            self._cancel()
            self.fail(fault("shutting_down"))

    def abandon(self) -> None:
        """Do nothing: `shut_down` has ended it (Drainable)."""

    def _client_disconnected(self, done: Deferred[bytes | None]) -> None:
        if not self._over:
            self._request.record.outcome = CLIENT_DISCONNECTED
            self._metrics.count("client_disconnected")
            self._cancel()
            self._close()

    def _write_timed_out(self) -> None:
        self._timer = None
        self._metrics.count("slow_client")
        self._cancel()
        self._abort("slow_client", "")

    def _abort(self, outcome: str, note: str) -> None:
        self._request.record.outcome, self._request.record.note = outcome, note
        self._close()
        self._request.abort()

    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _close(self) -> None:
        self._over = True
        self._stop_timer()
        self._active.remove(self)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
