"""Writes a response that is one JSON body."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from zope.interface import implementer

from codexd.http.request import Request
from codexd.http.response_headers import set_response_headers
from codexd.interfaces import IBodyWriter
from codexd.neutral.fault import Fault


@implementer(IBodyWriter)
class JsonWriter:
    """Writes one response to an HTTP request.

    Attributes:
        done: fires with the body that Klein is still to write, if any; Klein cancels it when the client is gone.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._client_left: Callable[[], None] | None = None
        self.done: Deferred[bytes | None] = Deferred(self._cancelled)

    def on_client_left(self, client_left: Callable[[], None]) -> None:
        """Call this function when the client is gone before the response is whole."""
        self._client_left = client_left

    def send(self, body: bytes, ignored: tuple[str, ...]) -> None:
        """Send a whole response with status 200 (IBodyWriter)."""
        set_response_headers(self._request, ignored)
        self.done.callback(self._request.send(200, body))

    def refuse(self, fault: Fault) -> None:
        """Send an error response (IBodyWriter)."""
        self.done.callback(self._request.refuse(fault))

    def abort(self) -> None:
        """Close the connection at once (IBodyWriter)."""
        self._request.abort()

    def _cancelled(self, done: Deferred[bytes | None]) -> None:
        if self._client_left is not None:
            self._client_left()
