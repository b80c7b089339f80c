"""One response of an upstream: send the request, retry until the first event, pass the events to the sink."""

from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse
from zope.interface import implementer

from codexd.backs.chat.failures import TOO_LARGE, translate_http_error
from codexd.backs.chat.request import EncodedRequest
from codexd.backs.chat.translator import ChatTranslator
from codexd.context import RequestContext
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral.event import Began, Ended, Event, Failed
from codexd.neutral.fault import Fault, fault
from codexd.observe.log import format_failure
from codexd.policy.shared_breaker import SharedPermit, failure_kind
from codexd.upstream import failures
from codexd.upstream.body import BodyCollector, StreamedBody
from codexd.upstream.deadlines import Deadlines, DeadlineTimer
from codexd.upstream.read_dispatcher import ReadDispatcher

_ERROR_BYTES: Final = 64 * 1024
"""How much of an error's body is read."""


class UpstreamContext(Protocol):
    """What a turn uses of its upstream."""

    @property
    def deadlines(self) -> Deadlines:
        """The time limits of a response."""
        ...

    @property
    def reads(self) -> ReadDispatcher:
        """The dispatcher of the reads of its connections."""
        ...

    @property
    def max_response_bytes(self) -> int:
        """The largest accepted response body."""
        ...

    def send(self, body: bytes, context: RequestContext) -> "Deferred[IResponse]":
        """Send a Chat Completions request for a client's request."""
        ...

    def acquire_permit(self, principal: str) -> SharedPermit | None:
        """Request a permit from the breaker; None while it is open for this principal."""
        ...

    def circuit_open(self, principal: str) -> Fault:
        """Return the fault of a request that got no permit."""
        ...

    def return_permit(self, permit: SharedPermit, kind: str | None) -> None:
        """Report a request's outcome: the `failure_kind` of its fault, None for success, `cancelled` for unknown."""

    def wait_seconds(self, retries: int, failed: Fault, retry_after: float) -> float | None:
        """Return the delay before the next attempt; None if there is none."""
        ...

    def now(self) -> float:
        """Return Unix time in seconds."""
        ...

    def redact(self, failed: Fault) -> Fault:
        """Return a fault without the upstream's key."""
        ...

    def count(self, name: str) -> None:
        """Count an entry of `codexd.observe.metric_tables.COUNTERS`."""

    def turn_ended(self, turn: "UpstreamTurn", kind: str | None) -> None:
        """Remove a turn that is over; `kind` as in `return_permit`."""


@implementer(ITurnHandle)
class UpstreamTurn:
    """One running turn.

    The first attempt starts in the next reactor iteration: the caller has the handle before any event.

    Args:
        upstream: the upstream.
        translator: the unused translator of the turn.
        request: the request to send.
        permit: the breaker's permit for the first attempt.
        context: of the client's request.
        sink: receives the events.
        clock: for timers.

    Attributes:
        ignored: the request fields that were not sent.
        over: whether the last event was sent or the turn was cancelled.
    """

    _log = Logger()

    def __init__(
        self,
        upstream: UpstreamContext,
        translator: ChatTranslator,
        request: EncodedRequest,
        permit: SharedPermit,
        context: RequestContext,
        sink: IEventSink,
        clock: IReactorTime,
    ) -> None:
        self.ignored = request.ignored
        self.over = False
        self._upstream = upstream
        self._request_body = request.body
        self._translator = translator
        self._permit: SharedPermit | None = permit
        self._context = context
        self._sink = sink
        self._clock = clock
        self._began = self._paused = False
        self._retries = self._received_bytes = self._event_count = 0
        # At most one of these is active: a timer, a request, a body.
        self._timer: IDelayedCall | None = clock.callLater(0, self._attempt)
        self._request: Deferred[Any] | None = None
        self._body: StreamedBody | BodyCollector | None = None
        self._deadline = DeadlineTimer(clock, upstream.deadlines, self._deadline_expired, context.deadline)

    # ITurnHandle

    def cancel(self) -> None:
        """Close the connection and send no more events (ITurnHandle)."""
        if not self.over:
            self._close("cancelled")
            self._abort_attempt()

    def pause(self) -> None:
        """Stop reading from the upstream (ITurnHandle)."""
        if not (self.over or self._paused):
            self._paused = True
            self._deadline.pause()
            if isinstance(self._body, StreamedBody):
                self._body.pause()

    def resume(self) -> None:
        """Continue reading from the upstream (ITurnHandle)."""
        if self._paused and not self.over:
            self._paused = False
            self._deadline.resume()
            if isinstance(self._body, StreamedBody):
                self._body.resume()

    # One attempt.

    def _attempt(self) -> None:
        self._timer = None
        if self._permit is None:
            self._permit = self._upstream.acquire_permit(self._context.principal)
        if self._permit is None:
            self._send_events([Failed(self._upstream.circuit_open(self._context.principal))])
            return
        self._received_bytes = self._event_count = 0
        self._deadline.start_attempt()
        self._context.note_sent()
        self._request = request = maybeDeferred(self._upstream.send, self._request_body, self._context)
        request.addCallbacks(self._response_received, self._request_failed)
        request.addErrback(self._fail_internally)

    def _response_received(self, response: IResponse) -> None:
        self._request = None
        if 200 <= response.code < 300:
            self._body = body = StreamedBody(self, self._clock, self._upstream.reads)
            response.deliverBody(body)
            if self._paused and self._body is body:
                body.pause()
            return
        after = failures.read_retry_after(response, self._upstream.now())
        self._body = BodyCollector(_ERROR_BYTES, lambda body: self._error_received(response.code, body, after))
        response.deliverBody(self._body)

    def _request_failed(self, failure: Failure) -> None:
        self._request = None
        if not self.over:
            self._retry_or_fail(failures.translate_request_failure(failure), 0.0)

    def _error_received(self, status: int, body: bytes, retry_after: float | None) -> None:
        self._body = None
        if self._context.record.trace is not None:
            self._context.record.trace.add("from_upstream", body)
        self._retry_or_fail(translate_http_error(status, body, retry_after), retry_after or 0.0)

    # body.BodyReceiver

    def body_received(self, data: bytes) -> None:
        """Translate bytes of the response. This is the hot path."""
        self._received_bytes += len(data)
        if self._context.record.trace is not None:
            self._context.record.trace.add("from_upstream", data)
        try:
            events = self._translator.receive(data)
            if self._received_bytes > self._upstream.max_response_bytes:
                events += self._translator.close(TOO_LARGE)
        except Exception:
            self._fail_internally(Failure())
            return
        if self._event_count != self._translator.event_count:
            self._event_count = self._translator.event_count
            self._deadline.record_event()
        if events:
            self._process(events)

    def body_ended(self, reason: Failure | None) -> None:
        """End the response, or the attempt if it sent no event."""
        self._body = None
        try:
            cut = None if reason is None else failures.translate_body_failure(reason)
            events = self._translator.close(cut)
        except Exception:
            self._fail_internally(Failure())
            return
        self._process(events)

    def _process(self, events: list[Event]) -> None:
        first = events[0] if events else None
        if events and isinstance(events[-1], Ended | Failed):
            self._log_end(events[-1])
        if isinstance(first, Failed) and not self._began:
            self._retry_or_fail(first.fault, 0.0)
        else:
            self._send_events(events)

    def _log_end(self, end: Ended | Failed) -> None:
        """Log what is unusual in the end of an attempt: an unknown finish reason, and output that is dropped."""
        if isinstance(end, Failed) and end.fault.note:
            self._log.warn(
                "Request {id}: the upstream's response failed: {kind}, {note}",
                event="upstream_response_failed",
                id=self._context.id,
                kind=end.fault.kind,
                note=self._upstream.redact(end.fault).note,
            )
        if self._translator.unsupported:
            self._log.warn(
                "Request {id}: the upstream's response has output that cannot be passed on: {kinds}",
                event="upstream_output_dropped",
                id=self._context.id,
                kinds=", ".join(self._translator.unsupported),
            )

    def _deadline_expired(self, expired: Fault) -> None:
        self._upstream.count(f"watchdog_{expired.kind}")
        # If only the end is missing, the response is complete and closes without a failure.
        events = self._translator.close(expired) or [Failed(expired)]
        self._send_events(events)

    # Retries and the end.

    def _retry_or_fail(self, failed: Fault, retry_after: float) -> None:
        """Schedule the next attempt after one that failed before its first event, or fail the response."""
        wait = self._upstream.wait_seconds(self._retries, failed, retry_after)
        if wait is None:
            self._send_events([Failed(failed)])
            return
        # The retries of one request count as one failure in the breaker: the request itself may be the cause.
        self._return_permit(failure_kind(failed) if failed.kind == "unreachable" else "cancelled")
        self._abort_attempt()
        self._upstream.count("upstream_retried")
        self._context.record.retries += 1
        self._context.record.timeline.add("retry", status=failed.kind)
        self._retries += 1
        self._translator = self._translator.new_attempt()
        self._deadline.start_attempt()
        self._timer = self._clock.callLater(wait, self._attempt)

    def _send_events(self, events: list[Event]) -> None:
        last = events[-1] if events else None
        if isinstance(last, Failed):
            events = [*events[:-1], Failed(self._upstream.redact(last.fault))]
        if isinstance(last, Ended | Failed):
            if self._translator.state_dropped:
                self._log.warn(
                    "Request {id}: the state of the model in the response is too large and was dropped",
                    event="upstream_state_dropped",
                    id=self._context.id,
                )
            self._close(last.fault.kind if isinstance(last, Failed) else None, last)
            self._release_connection(reusable=isinstance(last, Ended))
        for event in events:
            if type(event) is Began:
                self._began = True
                if not self.over:
                    self._deadline.start_response()
                if self._permit is not None and self._permit.is_probe:
                    # A success: the upstream responds again, however long this response takes.
                    self._return_permit(None)
            self._sink.receive(event)
        if events:
            self._sink.settle()

    def _fail_internally(self, failure: Failure) -> None:
        """Log an unexpected exception and fail this response with `internal`."""
        self._log.error(
            "Request {id}: unexpected error in the response of an upstream: {where}",
            event="internal_error",
            id=self._context.id,
            where=format_failure(failure),
        )
        self._upstream.count("internal_error")
        if not self.over:
            self._send_events([Failed(fault("internal"))])

    def _close(self, kind: str | None, end: Ended | Failed | None = None) -> None:
        """Release everything; `kind` is that of the fault, None for success, `cancelled` without an end."""
        self.over = True
        self._deadline.stop()
        self._return_permit(failure_kind(end.fault) if isinstance(end, Failed) else kind)
        self._translator.abort()
        self._upstream.turn_ended(self, kind)

    def _return_permit(self, kind: str | None) -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            self._upstream.return_permit(permit, kind)

    def _release_connection(self, reusable: bool) -> None:
        if reusable and isinstance(self._body, StreamedBody):
            self._body.drain()
            self._body = None
        else:
            self._abort_attempt()

    def _abort_attempt(self) -> None:
        """Stop the active timer, request or body."""
        timer, self._timer = self._timer, None
        request, self._request = self._request, None
        body, self._body = self._body, None
        if timer is not None:
            timer.cancel()
        if request is not None:
            request.cancel()
        if body is not None:
            body.abort()
