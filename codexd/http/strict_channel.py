"""An HTTP/1.1 channel that is as strict as RFC 9112 about the head of a request, and about how long it may take.

A request whose framing other servers read differently is refused: behind a proxy its body could be read as a
second request, of another client (request smuggling).
"""

from typing import Final

from twisted.internet.interfaces import ITCPTransport
from twisted.logger import Logger
from twisted.web import http

from codexd.http import http2_refusal, request_head
from codexd.http.http2_refusal import Http2Refusal
from codexd.http.request_head import malformed
from codexd.neutral.fault import Fault, fault

PROGRESS_BYTES: Final = 16 * 2**10
"""A request that is arriving gets another `http.idle_seconds` for each so many bytes: the head, whose limit this is,
none."""

HTTP_2_SECONDS: Final = 5.0
"""How long a refused HTTP/2 client has to close its connection: closing it at once could lose the refusal."""

_TLS_HANDSHAKE: Final = b"\x16"
"""The first byte of a TLS connection (RFC 8446, 5.1)."""


class StrictChannel(http.HTTPChannel):
    """A channel that refuses what RFC 9112 forbids."""

    transport: ITCPTransport
    _refusal_log = Logger()
    _receiving = False
    _refused = False
    _http2: Http2Refusal | None = None
    _unmetered_bytes = 0

    def refuse_connection(self, wrong: Fault) -> None:
        """Refuse a request that cannot be read, and close the connection: what follows cannot be read either."""
        self._refused = True
        self._refusal_log.debug(
            "Refused a request ({kind}): {reason}", event="request_malformed", kind=wrong.kind, reason=wrong.message
        )
        self.send_refusal(wrong)
        self.loseConnection()

    def send_refusal(self, wrong: Fault) -> None:
        """Send the error."""
        raise NotImplementedError

    # What arrives.

    def dataReceived(self, data: bytes) -> None:
        """Receive bytes; those of TLS are not waited for, because they never end as a line does."""
        self._unmetered_bytes += len(data)
        if not self._receiving and not self._handlingRequest and data.strip(b"\r\n"):
            self._unmetered_bytes = PROGRESS_BYTES
            self._receiving = True
            if data.startswith(_TLS_HANDSHAKE):
                self.refuse_connection(malformed("it is TLS, but this port serves http:// only"))
        if self._http2 is not None:
            self._receive_http2(self._http2, data)
        elif not self._refused:
            super().dataReceived(data)

    def resetTimeout(self) -> None:
        """Extend the time for the rest of a request if enough of it arrived (TimeoutMixin)."""
        if self._unmetered_bytes >= PROGRESS_BYTES:
            self._unmetered_bytes = 0
            super().resetTimeout()

    def timeoutConnection(self) -> None:
        """Close an idle connection; a client that is still sending its request is told why (TimeoutMixin)."""
        if self._receiving and not self._refused:
            self._refused = True
            self.send_refusal(fault("request_timeout"))
        super().timeoutConnection()

    def lineReceived(self, line: bytes) -> None:
        """Check a line of the head before Twisted reads it."""
        if self._refused:
            return
        if line and not self.has_request_line:
            self._receive_request_line(line)
        elif line.startswith((b" ", b"\t")):
            self.refuse_connection(malformed("a header is continued on another line"))
        else:
            super().lineReceived(line)

    def _receive_request_line(self, line: bytes) -> None:
        self._receiving = True
        if line == http2_refusal.FIRST_LINE:
            self._refuse_http2()
            return
        parsed = request_head.parse_request_line(line)
        if isinstance(parsed, Fault):
            self.refuse_connection(parsed)
        else:
            super().lineReceived(parsed.encode())

    def _refuse_http2(self) -> None:
        self._refusal_log.debug(
            "Refused a connection: it is HTTP/2, but this server serves HTTP/1.1 only", event="request_malformed"
        )
        self._refused, self._http2 = True, Http2Refusal()
        self.transport.write(http2_refusal.SETTINGS)
        self._receive_http2(self._http2, self.clearLineBuffer())

    def _receive_http2(self, refusal: Http2Refusal, data: bytes) -> None:
        if refusal.is_over:
            return
        self.transport.write(refusal.receive(data))
        if refusal.is_over:
            self.setTimeout(HTTP_2_SECONDS)

    def headerReceived(self, line: bytes) -> bool:
        """Check a header line that says where the body ends."""
        if self._refused:
            return False
        problem = request_head.check_framing(line, self._version)
        if problem is not None:
            self.refuse_connection(problem)
            return False
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        """Check the head, which is complete."""
        if self._refused:
            return
        headers, version = self.requests[-1].requestHeaders, self._version
        problem = request_head.check_hosts(headers.getRawHeaders(b"host", ()), version)
        problem = problem or request_head.check_expectations(headers.getRawHeaders(b"expect", ()), version)
        if problem is None:
            super().allHeadersReceived()
        else:
            self.refuse_connection(problem)

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """Return whether the connection stays open; `close` may be one of several options (RFC 9112, 9.6)."""
        if not request_head.asks_to_close(request.requestHeaders.getRawHeaders(b"connection", ())):
            return version == b"HTTP/1.1"
        request.responseHeaders.setRawHeaders(b"connection", [b"close"])
        return False

    def rawDataReceived(self, data: bytes) -> None:
        """Pass the body on, unless its head was refused."""
        if not self._refused:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        """Handle the request, unless its head was refused."""
        self._receiving = False
        if not self._refused:
            super().allContentReceived()

    @property
    def has_request_line(self) -> bool:
        """Whether the request line of the request that is arriving was read."""
        return hasattr(self, "_command")
