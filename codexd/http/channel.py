"""One connection: Twisted's HTTP/1.1 channel with our manners about bodies that are too large.

An offer of h2c is not taken up (RFC 9110, 7.8): it is answered as HTTP/1.1, as if it were not there.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from codexd.fronts import errors
from codexd.http.identity import request_id
from codexd.neutral.fault import fault

if TYPE_CHECKING:
    from codexd.http.site import Site

LINGER_SECONDS: Final = 5.0
"""How long what follows a refused body is read and dropped: closing at once would reset the connection, and
the client would not see why (RFC 9112, 9.6)."""


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
        """Take no more of this request's body nor anything after it; close when it is answered."""
        self._dropping = True
        self.persistent = False

    def allHeadersReceived(self) -> None:
        """Answer at once, as if it had no body, a request that announces too large a one."""
        super().allHeadersReceived()
        if self._dropping:
            self.length = 0

    def rawDataReceived(self, data: bytes) -> None:
        """Pass the body on, until it is too much: then answer without waiting for the rest."""
        if self._dropping:
            return
        super().rawDataReceived(data)
        if self._dropping and not self._handlingRequest:
            self.allContentReceived()

    def requestDone(self, request: http.Request) -> None:
        """Read on, unless the client does not read either: answers must not pile up in memory."""
        super().requestDone(request)
        if self._waitingForTransport and not self._handlingRequest:
            self._networkProducer.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take a producer, and tell it at once if the client is not reading just now."""
        super().registerProducer(producer, streaming)
        if self._waitingForTransport:
            producer.pauseProducing()

    def loseConnection(self) -> None:
        """Close, but let a client that is still sending see its answer first."""
        if self._dropping and self._linger is None:
            self._linger = self.callLater(LINGER_SECONDS, super().loseConnection)
        else:
            super().loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the request that its client is gone."""
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        super().connectionLost(reason)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line longer than a whole head may be."""
        self._receivedHeaderSize += len(line)
        self._respondToBadRequestAndDisconnect()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Say in the envelope what is wrong, where Twisted says nothing."""
        long = self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders
        wrong = fault("headers_too_large" if long else "malformed_request")
        reason, body = HTTPStatus(wrong.status).phrase.encode(), errors.render_error(wrong)
        self.site.journal.count_malformed_request()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\nserver: codexd\r\nx-request-id: %b\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b"
            % (wrong.status, reason, request_id(None).encode(), len(body), body)
        )
        self.loseConnection()
