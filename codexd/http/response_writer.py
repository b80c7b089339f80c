"""What the writers of HTTP responses have in common, whether the response is one body or a stream."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from twisted.internet.defer import Deferred
from zope.interface import implementer

from codexd.http.request import Request
from codexd.interfaces import IBodyWriter, IResponseWriter
from codexd.neutral.fault import Fault


@implementer(IResponseWriter)
class ResponseWriter:
    """Writes one response to an HTTP request.

    Attributes:
        done: fires with the body that Klein is still to write, if any; Klein cancels it when the client disconnects.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._client_disconnected: Callable[[], None] | None = None
        self.done: Deferred[bytes | None] = Deferred(self._cancelled)

    def on_client_disconnected(self, client_disconnected: Callable[[], None]) -> None:
        """Call this function when the client disconnects before the response is complete."""
        self._client_disconnected = client_disconnected

    def refuse(self, fault: Fault) -> None:
        """Send an error response (IResponseWriter)."""
        self.done.callback(self._request.refuse(fault))

    def abort(self) -> None:
        """Close the connection at once (IResponseWriter)."""
        self._request.abort()

    def _cancelled(self, done: Deferred[bytes | None]) -> None:
        if self._client_disconnected is not None:
            self._client_disconnected()


@implementer(IBodyWriter)
class BodyWriter(ResponseWriter, ABC):
    """Writes one response that is a single body."""

    @abstractmethod
    def send(self, body: bytes, ignored: tuple[str, ...]) -> None:
        """Send a whole response (IBodyWriter)."""
