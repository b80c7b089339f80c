"""One request: its body is counted as it arrives and kept in memory, its errors are sent as JSON."""

from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from twisted.python.failure import Failure
from twisted.web import http, server

from codexd.context import CLIENT_DISCONNECTED, OK, SLOW_CLIENT, RequestContext, RequestRecord
from codexd.fronts.dialect import Dialect
from codexd.fronts.openai import OPENAI
from codexd.http.body_sender import PIECE_BYTES, BodySender
from codexd.http.channel import REASON_PHRASES, Channel
from codexd.http.path import canonical, printable_path
from codexd.http.request_id import request_id
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.policy.auth import Principal
from codexd.policy.byte_budget import BudgetAccount
from codexd.policy.fallback import CODEX
from codexd.policy.key_meter import Charge
from codexd.request_trace import TracedRequest
from codexd.timeline import Step

if TYPE_CHECKING:
    from codexd.http.site import Site

JSON: Final = b"application/json"
_SMALL_BODY_BYTES: Final = 2**16
"""A body of this size is always read, also when the server is being stopped, and not counted."""

_TOO_MUCH_UNSENT: Final = (
    "Too many bytes of responses wait for clients to read them (http.max_unsent_bytes). Try again shortly."
)
METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
"""The methods that codexd knows; some URL serves each of them but PUT and PATCH."""

_METHOD_CHARACTERS: Final = 16
"""How many characters of a method are logged; a client can make one up."""


class Request(server.Request):
    """One request as the handlers see it.

    Attributes:
        record: what is reported of it.
        principal: who asks; None for an unknown caller.
        context: set once the caller is authenticated.
        charge: counts what the request uses; None if its key has no name.
        dialect: of its route; the shape of its errors.
        oversized: its body was too large and was dropped.
        interrupted: the server is being stopped; the body, or the rest of it, is dropped.
        crowded: the server holds too many bytes of bodies already; this one was dropped.
        stream_probe: a comment that may be written between two writes of the response; empty where none may be.
    """

    channel: Channel
    site: "Site"
    content: BytesIO
    context: RequestContext
    dialect: Dialect = OPENAI
    defaultContentType: bytes | None = JSON
    principal: Principal | None = None
    oversized = interrupted = crowded = False
    stream_probe = b""
    charge: Charge | None = None
    _sent: Step | None = None
    _body_bytes_left = 0
    _arrived = _finishes_when_sent = False
    _received: BudgetAccount | None = None
    _sender: BodySender | None = None

    def __init__(self, channel: Channel, *args: Any) -> None:
        super().__init__(channel, *args)
        self.record = RequestRecord()

    # Its arrival.

    def gotLength(self, length: int | None) -> None:
        """Prepare for the body, in memory and never on disk; None: its length is not announced."""
        self.content = BytesIO()
        self._body_bytes_left = self.channel.site.authenticator.identify(self)
        if self.channel.site.connections.draining and (length is None or length > _SMALL_BODY_BYTES):
            self.interrupt()
        elif length is not None and length > self._body_bytes_left:
            self._drop_body()
        elif length is not None:
            self._reserve(length)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a chunk of the body, up to the limit."""
        self.record.received_bytes += len(data)
        self._body_bytes_left -= len(data)
        if self._body_bytes_left >= 0 and not self.oversized:
            self.content.write(data)
            self._reserve(self.content.tell())
        elif not self.oversized:
            self._drop_body()

    def take_content(self) -> bytes:
        """Return the body, which is not kept."""
        content, self.content = self.content.getvalue(), BytesIO()
        return content

    def _reserve(self, size_bytes: int) -> None:
        """Count a body that is not small in the budget of received bytes; drop it if it is not admitted."""
        if size_bytes <= _SMALL_BODY_BYTES:
            return
        if self._received is None:
            principal = "" if self.principal is None else self.principal.id
            self._received = BudgetAccount(self.channel.site.memory.received, principal)
        if not self._received.admits(size_bytes):
            self.crowded = True
            self._received.set(0)
            self._drop_body()
        else:
            self._received.set(size_bytes)

    def interrupt(self) -> None:
        """Drop the body: the server is being stopped, and the request is refused."""
        self.interrupted = True
        self._drop_body()

    def _drop_body(self) -> None:
        self.oversized = True
        self.requestHeaders.removeHeader(b"expect")  # the client is not asked to continue
        self.content = BytesIO()
        self.setHeader(b"connection", b"close")
        self.channel.drop_rest()

    def process(self) -> None:
        """Handle the request: its body is complete, or is known to be too large."""
        self.site, self._arrived = self.channel.site, True
        self.site.limit.set_busy(self.channel)
        record = self.record
        record.id = request_id(self.getHeader(b"x-request-id"))
        record.method = self.method[:_METHOD_CHARACTERS].decode("ascii", "replace")
        record.path = printable_path(self.path)
        record.began = self.site.clock.seconds()
        record.time = self.site.authenticator.now()
        record.timeline.seconds = self.site.clock.seconds
        record.timeline.add("received", size=self.content.getbuffer().nbytes)
        self.site.request_log.begin(record)
        self.prepath = []
        self.postpath = canonical(self.path).encode().split(b"/")[1:]
        self.set_headers(
            (
                (b"server", b"codexd"),
                (b"date", http.datetimeToString()),
                (b"x-request-id", record.id.encode()),
            )
        )
        try:
            self.site.resource.render(self)
        except Exception:
            self.processingFailed(Failure())

    def getRequestHostname(self) -> bytes:
        """Return one name for all: routes do not depend on the Host header, which may contain anything."""
        return b"codexd"

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the URL's query, each with its values in order."""
        return {_decode(name): [_decode(value) for value in values] for name, values in self.args.items()}

    def header_text(self, name: str) -> str | None:
        """Return the last value of a header as text, in which bytes that are not UTF-8 are U+FFFD; None without one.

        Twisted's `getHeader` raises an exception for them if the name is a `str`.
        """
        value = self.getHeader(name.encode("ascii"))
        return None if value is None else _decode(value)

    # Its response.

    def begin_trace(self) -> None:
        """Record the request, and what follows, if the trace buffer is on."""
        traces = self.site.request_log.traces
        if traces is None or not traces.is_enabled or self.method != b"POST":
            return
        headers = tuple((name, value) for name, values in self.requestHeaders.getAllRawHeaders() for value in values)
        request = TracedRequest(method=self.method, path=self.uri, headers=headers, body=self.content.getvalue())
        self.record.trace = traces.begin(self.site.clock.seconds, request)

    def note_sending(self) -> None:
        """Record that the response begins: its status is decided."""
        self._sent = self.record.timeline.begin("sent")

    def note_sent(self) -> None:
        """Record the end of the response, or of the part that was sent before the client disconnected."""
        if self._sent is not None:
            self._sent.size = self.sentLength
            self.record.timeline.end(self._sent, str(self.code))
        if self.record.trace is not None:
            headers = self.responseHeaders.getAllRawHeaders()
            self.record.trace.response = self.code, tuple((name, value) for name, values in headers for value in values)

    def set_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Set headers of the response."""
        for name, value in headers:
            self.setHeader(name, value)

    def write_body(self, data: bytes) -> None:
        """Write a piece of a response that is sent in pieces."""
        if self.record.trace is not None:
            self.record.trace.add("to_client", data)
        self.write(data)

    def set_limit_headers(self) -> None:
        """Set OpenAI's headers of the limits of the key, as they are now; without any, those of the Codex account."""
        headers = () if self.charge is None else self.charge.meter.headers()
        if not headers and self.record.backend == CODEX and self.site.account is not None:
            headers = self.site.account.headers()
        self.set_headers(headers)

    def send(self, status: int, body: bytes, content_type: bytes = JSON) -> bytes:
        """Set the head of a response that is this one body, and return the body for Klein to write.

        Raises:
            FaultError: `busy` for a large body that can be requested again, while too much waits for its clients.
        """
        if len(body) > PIECE_BYTES and self.method != b"HEAD":
            self._prepare_large_body(len(body))
        self.setResponseCode(status, (REASON_PHRASES.get(status) or HTTPStatus(status).phrase).encode())
        self.setHeader(b"content-type", content_type)
        self.setHeader(b"content-length", b"%d" % len(body))
        self.note_sending()
        if self.record.trace is not None:
            self.record.trace.add("to_client", body)
        if self.charge is not None:
            self.charge.close()  # nothing more is used: the headers show what is left
        self.set_limit_headers()
        return body

    def _prepare_large_body(self, size_bytes: int) -> None:
        account = BudgetAccount(self.site.memory.unsent, self.record.principal)
        if self.method == b"GET" and not account.admits(size_bytes):
            raise FaultError(fault("busy", _TOO_MUCH_UNSENT))
        self.write = partial(self._send_in_pieces, account)  # type: ignore[method-assign]

    def _send_in_pieces(self, account: BudgetAccount, body: bytes) -> None:
        """Write a large body as the client reads it; takes the place of `write` for this one call."""
        del self.write
        self._sender = BodySender(
            body=body,
            write=self.write,
            account=account,
            clock=self.site.clock,
            limits=self.site.memory.flow,
            on_sent=self._body_sent,
            on_slow=self._drop_slow_client,
        )
        self.registerProducer(self._sender, True)
        self._sender.start()

    def _body_sent(self) -> None:
        self._sender = None
        self.unregisterProducer()
        if self._finishes_when_sent:
            self.finish()

    def _drop_slow_client(self) -> None:
        self.site.request_log.metrics.count("slow_client")
        self.record.outcome = SLOW_CLIENT
        self.abort()

    def refuse(self, fault: Fault) -> bytes:
        """Set the head of an error response in the request's dialect, and return its body for Klein to write."""
        self.record.outcome, self.record.note = fault.kind, fault.note or ""
        self.set_headers(self.dialect.error_headers(fault))
        return self.send(fault.status, self.dialect.render_error(fault))

    def refuse_defect(self, failure: Failure) -> bytes:
        """Refuse with `internal`, for an unexpected exception, and log where it was raised."""
        self.site.request_log.log_internal_error(self.record, failure)
        return self.refuse(fault("internal"))

    def processingFailed(self, reason: Failure) -> Failure:
        """Report a failure to the client that did not reach Klein's error handler."""
        if self.startedWriting:
            self.site.request_log.log_internal_error(self.record, reason)
            self.abort()
        else:
            self.write(self.refuse_defect(reason))
            self.finish()
        return reason

    def abort(self) -> None:
        """Close the connection at once: the client must not take an incomplete response for a complete one."""
        self.channel.transport.abortConnection()

    def probe_client(self) -> bool:
        """Send bytes that mean nothing; a client that is gone answers them with an error (TCP reset).

        Before the response that is an interim response (RFC 9110, 15.2), in a stream a comment. The next write of any
        other response is the probe.

        Returns:
            Whether it is known, now or later, that the client is gone; it is not before a response of HTTP/1.0.
        """
        if self.startedWriting:
            if self.stream_probe and not self.channel.is_full:
                self.write(self.stream_probe)
            return True
        if self.clientproto == b"HTTP/1.0":
            return False
        self.channel.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def milliseconds(self) -> int:
        """Return the time since its arrival."""
        return int((self.site.clock.seconds() - self.record.began) * 1000)

    # Its end.

    def finish(self) -> None:
        """End the response; one large body is sent first."""
        if self._sender is not None:
            self._finishes_when_sent = True
            return
        self._release()
        super().finish()

    def _release(self) -> None:
        if self._received is not None:
            self._received.set(0)

    def connectionLost(self, reason: Failure) -> None:
        """Log a request whose client disconnected before the response was complete."""
        self._release()
        if self._sender is not None:
            self._sender.stop()
        super().connectionLost(reason)
        if self._arrived:
            if self.record.outcome == OK:
                self.record.outcome = CLIENT_DISCONNECTED
            self.site.log_request(self)


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")
