"""The connections of one upstream, which are kept open and used again."""

from collections.abc import Callable, Hashable
from typing import Any, Final
from weakref import WeakSet

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import HTTPConnectionPool, RequestTransmissionFailed, ResponseNeverReceived

_NOT_ANSWERED: Final = (RequestTransmissionFailed, ResponseNeverReceived)
"""What a request fails with if the connection was lost before any byte of a response arrived."""


class UpstreamConnectionPool(HTTPConnectionPool):
    """Sends a request again if the server closed the unused connection on which it was sent.

    A server may close an unused connection at any time, also while a request is on its way (RFC 9112, section 9.5;
    a server of HTTP/1.0 closes each). That is no failure of the request. Twisted sends only requests without a body
    again; here a request with a body is sent again too, on the next connection. A failure of a new connection is
    final.
    """

    retryAutomatically = False

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self._used: WeakSet[Any] = WeakSet()

    def getConnection(self, key: Hashable, endpoint: IStreamClientEndpoint) -> "Deferred[Any]":
        """Return a connection for one request, a used one if there is one (HTTPConnectionPool)."""
        found = super().getConnection(key, endpoint)
        return found.addCallback(self._prepare, lambda: self.getConnection(key, endpoint))

    def _prepare(self, connection: Any, get_next: "Callable[[], Deferred[Any]]") -> Any:
        if connection in self._used:
            return _UsedConnection(connection, get_next)
        self._used.add(connection)
        return connection


class _UsedConnection:
    """A connection that has been used; the server may be closing it."""

    def __init__(self, connection: Any, get_next: "Callable[[], Deferred[Any]]") -> None:
        self._connection = connection
        self._get_next = get_next

    def request(self, request: Any) -> "Deferred[Any]":
        """Send a request, on the next connection if this one is closed before a response."""
        sent: Deferred[Any] = self._connection.request(request)
        return sent.addErrback(self._send_again, request)

    def _send_again(self, failure: Failure, request: Any) -> Any:
        if not _was_closed(failure):
            return failure
        return self._get_next().addCallback(lambda connection: connection.request(request))


def _was_closed(failure: Failure) -> bool:
    """Return whether the server closed the connection before any byte of a response."""
    value = failure.value
    reasons = value.reasons if isinstance(value, _NOT_ANSWERED) else ()
    return bool(reasons) and all(isinstance(reason.value, ConnectionClosed) for reason in reasons)
