"""One connection: Twisted's HTTP/1.1 channel, which also refuses oversized bodies and heads properly.

An `Upgrade: h2c` is ignored (RFC 9110, 7.8): the request is answered as HTTP/1.1.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from codexd.fronts import errors
from codexd.http.request_id import request_id
from codexd.neutral.fault import fault

if TYPE_CHECKING:
    from codexd.http.site import Site

LINGER_SECONDS: Final = 5.0
"""How long the rest of a refused body is read and dropped: closing at once would reset the connection, and the
client would not see the error (RFC 9112, 9.6)."""


class Channel(http.HTTPChannel):
    """One connection.

    Attributes:
        site: the site it belongs to.
    """

    site: "Site"
    transport: ITCPTransport
    _dropping = False
    _linger: IDelayedCall | None = None

    def drop_rest(self) -> None:
        """Drop the rest of this request's body and everything after it; close once it is answered."""
        self._dropping = True
        self.persistent = False

    def allHeadersReceived(self) -> None:
        """Answer a request that announces too large a body at once, as if it had none."""
        super().allHeadersReceived()
        if self._dropping:
            self.length = 0

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
        if self._waitingForTransport and not self._handlingRequest:
            self._networkProducer.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Register a producer, and pause it at once if the transport is full."""
        super().registerProducer(producer, streaming)
        if self._waitingForTransport:
            producer.pauseProducing()

    def loseConnection(self) -> None:
        """Close the connection; a client that is still sending gets time to read its response."""
        if self._dropping and self._linger is None:
            self._linger = self.callLater(LINGER_SECONDS, super().loseConnection)
        else:
            super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop the linger timer; Twisted notifies the request."""
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        super().connectionLost(reason)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is longer than a whole head may be."""
        self._receivedHeaderSize += len(line)
        self._respondToBadRequestAndDisconnect()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Send an error body, where Twisted sends only a status line."""
        long = self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders
        wrong = fault("headers_too_large" if long else "malformed_request")
        reason, body = HTTPStatus(wrong.status).phrase.encode(), errors.render_error(wrong)
        self.site.request_log.count_malformed_request()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\nserver: codexd\r\nx-request-id: %b\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b"
            % (wrong.status, reason, request_id(None).encode(), len(body), body)
        )
        self.loseConnection()
