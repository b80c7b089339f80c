"""HTTP on the loopback as the plainest of clients does it: whole answers, and streams that can be dropped."""

import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection

from attrs import frozen

from codexd.wire.json import Json, decode
from codexd.wire.sse import Frame, Reader
from tests.support.system import PATIENCE_SECONDS


@frozen
class Answer:
    """One HTTP answer, read to its end; the names of its headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The body, decoded."""
        return decode(self.body)


def free_port() -> int:
    """Find a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Ask over a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def stalled(port: int, path: str, body: bytes) -> socket.socket:
    """Post, and read nothing: give the connection, which takes as little as the system allows."""
    connection = socket.socket()
    connection.settimeout(PATIENCE_SECONDS)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    connection.sendall(head.encode() + b"\r\n\r\n" + body)
    return connection


class Call:
    """One POST, whose answer is read as it comes, or not at all."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self._connection.request("POST", path, body, {"content-type": "application/json"})

    def frames(self) -> Iterator[Frame]:
        """Give the events of a stream, each as soon as it is there."""
        response = self._connection.getresponse()
        assert response.status == 200, response.read()
        reader = Reader()
        while line := response.readline():
            yield from reader.receive(line)

    def answer(self) -> Answer:
        """Read the answer to its end."""
        response = self._connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())

    def drop(self) -> None:
        """Leave."""
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()
