"""One request that is forwarded to an upstream: its response is passed on as it arrives, without retries."""

from collections.abc import Callable
from typing import Final, Protocol

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse
from zope.interface import implementer

from codexd.backs.chat.failures import TOO_LARGE, translate_http_error
from codexd.context import RequestContext
from codexd.interfaces import IForwardingHandle, IForwardingReceiver
from codexd.neutral.fault import Fault, fault
from codexd.neutral.forwarded import ForwardedHead
from codexd.observe.log import format_failure
from codexd.policy.shared_breaker import SharedPermit, failure_kind
from codexd.upstream import failures
from codexd.upstream.body import BodyCollector, StreamedBody
from codexd.upstream.deadlines import Deadlines, DeadlineTimer
from codexd.upstream.read_dispatcher import ReadDispatcher

_ERROR_BYTES: Final = 64 * 1024
"""How much of an error's body is read."""

_PASSED_HEADERS: Final = (b"content-type", b"content-disposition", b"cache-control")
"""The response's headers that the client gets. The others concern the connection, or the account at the upstream."""

_NOT_SERVED: Final = frozenset((404, 405, 501))


class ForwardingContext(Protocol):
    """What a forwarded request uses of its upstream."""

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

    def now(self) -> float:
        """Return Unix time in seconds."""
        ...

    def redact(self, failed: Fault) -> Fault:
        """Return a fault without the upstream's key."""
        ...

    def return_permit(self, permit: SharedPermit, kind: str | None) -> None:
        """Report the outcome to the breaker: the `failure_kind` of its fault, None for success, `cancelled`."""

    def forwarding_ended(self, forwarding: "Forwarding", kind: str | None) -> None:
        """Remove a request that is over: the kind of its fault, None for success, `cancelled`."""


@implementer(IForwardingHandle)
class Forwarding:
    """One forwarded request. It is sent in the next reactor turn: the caller has the handle before any response.

    Args:
        upstream: the upstream.
        send: sends the request.
        permit: the breaker's permit.
        context: of the client's request.
        receiver: receives the response.
        clock: for timers.
    """

    _log = Logger()

    def __init__(
        self,
        upstream: ForwardingContext,
        send: "Callable[[], Deferred[IResponse]]",
        permit: SharedPermit,
        context: RequestContext,
        receiver: IForwardingReceiver,
        clock: IReactorTime,
    ) -> None:
        self._upstream = upstream
        self._send = send
        self._permit = permit
        self._context = context
        self._receiver = receiver
        self._clock = clock
        self._over = self._opened = self._paused = False
        self._received_bytes = 0
        self._head: ForwardedHead | None = None
        # At most one of these is active: a timer, a request, a body.
        self._timer: IDelayedCall | None = clock.callLater(0, self._start)
        self._request: Deferred[IResponse] | None = None
        self._body: StreamedBody | BodyCollector | None = None
        self._deadline = DeadlineTimer(clock, upstream.deadlines, self._fail, context.deadline)

    # IForwardingHandle

    def cancel(self) -> None:
        """Close the connection and pass nothing more on (IForwardingHandle)."""
        if not self._over:
            self._end("cancelled", "cancelled")
            self._abort()

    def pause(self) -> None:
        """Stop reading from the upstream (IForwardingHandle)."""
        if not (self._over or self._paused):
            self._paused = True
            self._deadline.pause()
            if isinstance(self._body, StreamedBody):
                self._body.pause()

    def resume(self) -> None:
        """Continue reading from the upstream (IForwardingHandle)."""
        if self._paused and not self._over:
            self._paused = False
            self._deadline.resume()
            if isinstance(self._body, StreamedBody):
                self._body.resume()

    # The request.

    def _start(self) -> None:
        self._timer = None
        self._context.note_sent()
        self._request = request = maybeDeferred(self._send)
        request.addCallbacks(self._response_received, self._request_failed)
        request.addErrback(self._fail_internally)

    def _response_received(self, response: IResponse) -> None:
        self._request = None
        if not 200 <= response.code < 300:
            after = failures.read_retry_after(response, self._upstream.now())
            code = response.code
            self._body = BodyCollector(_ERROR_BYTES, lambda body: self._error_received(code, body, after))
            response.deliverBody(self._body)
            return
        self._head = _read_head(response)
        if isinstance(response.length, int) and response.length > self._upstream.max_response_bytes:
            self._body = BodyCollector(0, lambda body: None)
            response.deliverBody(self._body)
            self._fail(TOO_LARGE)
            return
        self._body = body = StreamedBody(self, self._clock, self._upstream.reads)
        response.deliverBody(body)
        if self._paused and self._body is body:
            body.pause()

    def _request_failed(self, failure: Failure) -> None:
        self._request = None
        self._fail(failures.translate_request_failure(failure))

    def _error_received(self, status: int, body: bytes, retry_after: float | None) -> None:
        self._body = None
        if self._context.record.trace is not None:
            self._context.record.trace.add("from_upstream", body)
        self._fail(_translate_error(status, body, retry_after))

    # body.BodyReceiver

    def body_received(self, data: bytes) -> None:
        """Pass bytes of the response on."""
        self._received_bytes += len(data)
        if self._context.record.trace is not None:
            self._context.record.trace.add("from_upstream", data)
        if self._received_bytes > self._upstream.max_response_bytes:
            self._fail(TOO_LARGE)
            return
        self._open()
        self._deadline.record_event()
        self._receiver.write(data)

    def body_ended(self, reason: Failure | None) -> None:
        """End the response: it is complete, or it was cut."""
        self._body = None
        if reason is not None:
            self._fail(failures.translate_body_failure(reason))
            return
        self._open()
        self._end(None, None)
        self._receiver.finish()

    def _open(self) -> None:
        if not self._opened:
            assert self._head is not None
            self._opened = True
            self._deadline.start_response()
            self._receiver.open(self._head)

    # The end.

    def _fail(self, failed: Fault) -> None:
        if not self._over:
            self._end(failed.kind, failure_kind(failed))
            self._abort()
            self._receiver.fail(self._upstream.redact(failed))

    def _fail_internally(self, failure: Failure) -> None:
        """Log an unexpected exception and fail with `internal`."""
        self._log.error(
            "Request {id}: unexpected error in a forwarded response: {where}",
            event="internal_error",
            id=self._context.id,
            where=format_failure(failure),
        )
        self._fail(fault("internal"))

    def _end(self, kind: str | None, judged: str | None) -> None:
        """Release everything; `judged` is the kind for the breaker."""
        self._over = True
        self._deadline.stop()
        self._upstream.return_permit(self._permit, judged)
        self._upstream.forwarding_ended(self, kind)

    def _abort(self) -> None:
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


def _read_head(response: IResponse) -> ForwardedHead:
    """Read the part of a response's head that the client gets; the length is known unless the body is chunked."""
    named = [(name, values[0]) for name in _PASSED_HEADERS if (values := response.headers.getRawHeaders(name))]
    if isinstance(response.length, int):
        named.append((b"content-length", b"%d" % response.length))
    return ForwardedHead(response.code, tuple(named))


def _translate_error(status: int, body: bytes, retry_after: float | None) -> Fault:
    """Translate an error response; some statuses mean something else here than for a turn."""
    if status == 413:
        return fault("too_large", "The upstream does not accept a request body of this size.")
    failed = translate_http_error(status, body, retry_after)
    if status in _NOT_SERVED and failed.kind == "provider_rejected":
        return evolve(failed, message="The upstream does not serve this endpoint, although `pass_through` names it.")
    return failed
