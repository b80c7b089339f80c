"""A minimal HTTP client for the loopback: whole responses, streams, unread and dropped connections."""

import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection

from attrs import frozen

from codexd.wire.json import Json, decode
from codexd.wire.sse import SseDecoder, SseFrame
from tests.support.processes import TIMEOUT_SECONDS


@frozen
class HttpResponse:
    """A complete HTTP response; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The decoded JSON body."""
        return decode(self.body)


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Send a request on a new connection and read the response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return HttpResponse(response.status, named, response.read())
    finally:
        connection.close()


def open_unread_request(port: int, path: str, body: bytes, header: str = "x-test: 1") -> socket.socket:
    """Send a POST request and read nothing; return the connection, which has the smallest receive buffer."""
    connection = socket.socket()
    connection.settimeout(TIMEOUT_SECONDS)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    head = f"{head}\r\n{header}"
    connection.sendall(head.encode() + b"\r\n\r\n" + body)
    return connection


class PendingRequest:
    """A POST request whose response is read later, step by step, or not at all."""

    def __init__(self, port: int, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._connection.request("POST", path, body, {"content-type": "application/json", **(headers or {})})

    def frames(self) -> Iterator[SseFrame]:
        """Yield the events of a stream as they arrive."""
        response = self._connection.getresponse()
        assert response.status == 200, response.read()
        reader = SseDecoder()
        while line := response.readline():
            yield from reader.receive(line)

    def read(self) -> HttpResponse:
        """Read the whole response."""
        response = self._connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return HttpResponse(response.status, named, response.read())

    def disconnect(self) -> None:
        """Disconnect."""
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()
