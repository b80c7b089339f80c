"""One connection: Twisted's HTTP/1.1 channel, which also refuses oversized bodies and heads properly.

An `Upgrade: h2c` is ignored (RFC 9110, 7.8): the request is answered as HTTP/1.1.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from codexd.fronts import errors
from codexd.http.half_close import HalfCloseChannel
from codexd.http.request_id import request_id
from codexd.neutral.fault import Fault, fault

if TYPE_CHECKING:
    from codexd.http.site import Site

REASON_PHRASES: Final = {413: "Content Too Large", 414: "URI Too Long"}
"""RFC 9110's reason phrases, where older Pythons have another."""

LINGER_SECONDS: Final = 5.0
"""How long the rest of a refused body is read and dropped: closing at once would reset the connection, and the
client would not see the error (RFC 9112, 9.6)."""

DRAIN_LINGER_SECONDS: Final = 1.0
"""The same while the server is being stopped, which waits for it."""


class Channel(HalfCloseChannel):
    """One connection.

    Attributes:
        site: the site it belongs to.
    """

    site: "Site"
    _dropping = _receives_body = _was_used = _closing = False
    _linger: IDelayedCall | None = None

    # Its stop.

    def connectionMade(self) -> None:
        """Register the connection."""
        super().connectionMade()
        self.site.connections.add(self)
        self.site.limit.add(self)

    @property
    def has_response(self) -> bool:
        """Whether a request is being answered, or bytes of a response may not have been sent yet."""
        return bool(self._handlingRequest) or self._closing

    def drain(self) -> None:
        """Accept no further request: close once the response that runs, if any, is sent.

        A request whose body is arriving is refused at once. A connection without a request so far stays open for it:
        its client would not know whether the request was handled.
        """
        if self._handlingRequest:
            self.persistent = False
            request = self.requests[-1]
            if not request.startedWriting:
                request.setHeader(b"connection", b"close")
        elif self._receives_body:
            self.requests[-1].interrupt()
            self.allContentReceived()
        elif self._was_used and not self.requests:
            self.loseConnection()

    def abort(self) -> None:
        """Close at once; what was not sent is lost, and the client sees that."""
        self.transport.abortConnection()

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """Close the connection after this response if the server is being stopped."""
        persistent = super().checkPersistence(request, version)
        if persistent and self.site.connections.draining:
            request.setHeader(b"connection", b"close")
            return False
        return bool(persistent)

    # Its place among too many connections (connection_limit.IdleConnection).

    @property
    def has_partial_request(self) -> bool:
        """Whether a part of a request has arrived."""
        return bool(self.requests)

    def close_idle(self) -> None:
        """Close the connection for a new one."""
        if self.has_partial_request:
            self.abort()
        else:
            self.loseConnection()

    # Its requests.

    def drop_rest(self) -> None:
        """Drop the rest of this request's body and everything after it; close once it is answered."""
        self._dropping = True
        self.persistent = False

    def allHeadersReceived(self) -> None:
        """Answer a request that announces too large a body at once, as if it had none."""
        self._was_used = self._receives_body = True
        super().allHeadersReceived()
        if self._refused:
            self._receives_body = False
        if self._dropping:
            self.length = 0

    def allContentReceived(self) -> None:
        """Handle the request."""
        self._receives_body = False
        super().allContentReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """Pass the body on; once it is too large, answer without waiting for the rest."""
        if self._dropping:
            return
        super().rawDataReceived(data)
        if self._dropping and not self._handlingRequest:
            self.allContentReceived()

    def requestDone(self, request: http.Request) -> None:
        """Read the next request, unless the client reads no responses: they must not pile up in memory."""
        super().requestDone(request)
        if not self._handlingRequest:
            self.site.limit.set_idle(self)
        if self._waitingForTransport and not self._handlingRequest:
            self._networkProducer.pauseProducing()

    def pauseProducing(self) -> None:
        """Pause the response: the connection is full."""
        if self._handlingRequest:
            self.requests[0].record.client_stalls += 1
        super().pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Register a producer, and pause it at once if the transport is full."""
        super().registerProducer(producer, streaming)
        if self._waitingForTransport:
            producer.pauseProducing()

    def loseConnection(self) -> None:
        """Close the connection; a client that is still sending gets time to read its response."""
        self._closing = True
        if self._dropping and self._linger is None and not self._read_closed:
            seconds = DRAIN_LINGER_SECONDS if self.site.connections.draining else LINGER_SECONDS
            self._linger = self.callLater(seconds, super().loseConnection)
        else:
            super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop the linger timer; Twisted notifies the request."""
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        super().connectionLost(reason)
        self._closing = self._handlingRequest = False
        self.site.limit.remove(self)
        self.site.connections.remove(self)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is longer than a whole head may be."""
        self._receivedHeaderSize += len(line)
        self._respondToBadRequestAndDisconnect()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Send an error body, where Twisted sends only a status line."""
        long = self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders
        if long:
            self.refuse_connection(fault("headers_too_large" if self.has_request_line else "url_too_long"))
        else:
            self.refuse_connection(fault("malformed_request"))

    def send_refusal(self, wrong: Fault) -> None:
        """Send an error response of a request that cannot be read."""
        reason, body = REASON_PHRASES.get(wrong.status) or HTTPStatus(wrong.status).phrase, errors.render_error(wrong)
        self.site.request_log.count_malformed_request()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\nserver: codexd\r\nx-request-id: %b\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nx-should-retry: false\r\nconnection: close\r\n\r\n%b"
            % (wrong.status, reason.encode(), request_id(None).encode(), len(body), body)
        )
