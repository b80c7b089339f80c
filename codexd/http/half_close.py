"""A channel whose client may close its sending direction and still gets its response (RFC 9293, 3.6).

`nc -N`, many scripts and some proxies do that. The end of what a client sends does not tell whether it also reads:
a client that is gone looks the same until bytes are sent to it, which it then answers with a reset. So the client
is probed, soon and then at intervals; a failed write is the disconnect that cancels the response. A client that
cannot be probed, of HTTP/1.0 before its response has begun, is taken for disconnected.
"""

from functools import partial
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http
from zope.interface import implementer

from codexd.http.strict_channel import StrictChannel

PROBE_SECONDS: Final = (0.02, 0.1, 0.5, 2.0)
"""The delays after each probe; the last one repeats. The reset that answers one probe fails the next one."""


@implementer(IHalfCloseableProtocol)
class HalfCloseChannel(StrictChannel):
    """A channel that answers the requests that arrived before the client closed its sending direction."""

    _read_closed = False
    _probe_timer: IDelayedCall | None = None

    @property
    def is_full(self) -> bool:
        """Whether the transport accepts no more bytes for now."""
        return bool(self._waitingForTransport)

    def readConnectionLost(self) -> None:
        """Answer what arrived and close then; at once if nothing is to be answered (IHalfCloseableProtocol)."""
        if self._read_closed:
            return
        self._read_closed = True
        if self._is_answering:
            self._probe(0)
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: this server never closes one direction only (IHalfCloseableProtocol)."""

    def requestDone(self, request: http.Request) -> None:
        """Handle the next request that arrived; after the last one the connection is closed."""
        super().requestDone(request)
        # Within `dataReceived` there may be another request.
        if self._read_closed and not self._is_answering and not self._busyReceiving:
            self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop the probes; Twisted notifies the request."""
        if self._probe_timer is not None and self._probe_timer.active():
            self._probe_timer.cancel()
        super().connectionLost(reason)

    @property
    def _is_answering(self) -> bool:
        return bool(self._handlingRequest and self.requests)

    def _probe(self, count: int) -> None:
        if not all(request.probe_client() for request in self.requests[:1]):
            self.loseConnection()
            return
        delay = PROBE_SECONDS[min(count, len(PROBE_SECONDS) - 1)]
        self._probe_timer = self.callLater(delay, partial(self._probe, count + 1))
