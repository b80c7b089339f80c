"""The HTTP client of the smoke checks: one connection for each request, whole responses and streams."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR
from threading import Event, Timer
from typing import Final

from attrs import field, frozen

from codexd.configuration.server_url import parse_server_url
from codexd.wire import json
from codexd.wire.sse import SseDecoder, SseFrame

OK: Final = 200

_READ_BYTES: Final = 65_536


class SmokeError(Exception):
    """A response is not what it should be; the message says how."""


@frozen
class SmokeResponse:
    """A complete response.

    Attributes:
        status: the HTTP status.
        headers: by their names in lower case.
        body: the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> json.Json:
        """The decoded body.

        Raises:
            SmokeError: if it is not JSON.
        """
        try:
            return json.decode(self.body)
        except ValueError:
            raise SmokeError(f"the body is not JSON: {self.describe()}") from None

    def describe(self) -> str:
        """Return the status, and the message of an error or the content type."""
        try:
            detail = str(json.decode(self.body)["error"]["message"])
        except (ValueError, KeyError, TypeError):
            detail = self.headers.get("content-type") or "no content type"
        return f"status {self.status}: {detail}"


@frozen(kw_only=True)
class SmokeClient:
    """Sends requests to one daemon.

    Attributes:
        url: its address, such as `http://127.0.0.1:11435`.
        key: the API key; None for a daemon without keys.
        timeout_seconds: the longest time of a request, from the connection to the end of its response.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    timeout_seconds: float = 60.0

    def send(
        self, method: str, path: str, body: json.Json | None = None, headers: Mapping[str, str] | None = None
    ) -> SmokeResponse:
        """Send a request and return its response, whatever its status."""
        with self._open(method, path, body, headers) as response:
            return _read_response(response)

    def call(self, method: str, path: str, body: json.Json | None = None) -> json.Json:
        """Send a request and return the JSON body of its response.

        Raises:
            SmokeError: if its status is not 200.
        """
        response = self.send(method, path, body)
        if response.status != OK:
            raise SmokeError(f"{method} {path}: {response.describe()}")
        return response.json

    @contextmanager
    def stream(self, path: str, body: json.Json) -> Iterator[Iterator[SseFrame]]:
        """Send a POST request, and provide the events of its stream as they arrive; disconnects at the end.

        Raises:
            SmokeError: if the response is no stream.
        """
        with self._open("POST", path, body, None) as response:
            kind = response.getheader("content-type") or ""
            if response.status != OK or not kind.startswith("text/event-stream"):
                raise SmokeError(f"POST {path}: {_read_response(response).describe()}")
            yield _read_frames(response)

    @contextmanager
    def _open(
        self, method: str, path: str, body: json.Json | None, headers: Mapping[str, str] | None
    ) -> Iterator[HTTPResponse]:
        server = parse_server_url(self.url)
        connect = HTTPSConnection if server.is_secure else HTTPConnection
        data = None if body is None else json.encode(body)
        sent = {} if data is None else {"content-type": "application/json"}
        if self.key:
            sent["authorization"] = f"Bearer {self.key}"
        with closing(connect(server.host, server.port, timeout=self.timeout_seconds)) as connection:
            connection.connect()
            with _limit_time(connection, self.timeout_seconds):
                connection.request(method, server.path + path, data, sent | dict(headers or {}))
                yield connection.getresponse()


@contextmanager
def _limit_time(connection: HTTPConnection, seconds: float) -> Iterator[None]:
    """End a connection after a time; the timeout of a socket is that of each read, and starts again with every byte.

    Raises:
        SmokeError: if the time is over.
    """
    expired, socket = Event(), connection.sock

    def end() -> None:
        expired.set()
        with suppress(OSError):
            socket.shutdown(SHUT_RDWR)

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if expired.is_set():
            raise SmokeError(f"the response has not ended after {seconds:g} s (--timeout)")


def _read_response(response: HTTPResponse) -> SmokeResponse:
    named = {name.lower(): value for name, value in response.getheaders()}
    return SmokeResponse(response.status, named, response.read())


def _read_frames(response: HTTPResponse) -> Iterator[SseFrame]:
    decoder = SseDecoder()
    while data := response.read1(_READ_BYTES):
        yield from decoder.receive(data)
