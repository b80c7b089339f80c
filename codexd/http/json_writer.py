"""Writes a response that is one JSON body."""

from codexd.http.response_headers import set_response_headers
from codexd.http.response_writer import BodyWriter


class JsonWriter(BodyWriter):
    """Writes one body to an HTTP request."""

    def send(self, body: bytes, ignored: tuple[str, ...]) -> None:
        """Send a whole response with status 200 (IBodyWriter)."""
        set_response_headers(self._request, ignored)
        self.done.callback(self._request.send(200, body))
