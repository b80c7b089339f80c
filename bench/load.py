"""A cheap load generator: one persistent connection per client, raw bytes, minimal parsing."""

import socket
import threading
import time
from collections.abc import Callable

from attrs import frozen

from codexd.wire import json
from codexd.wire.json import Json


@frozen
class Endpoint:
    """One streaming endpoint of codexd.

    Attributes:
        path: its path.
        input: returns the members of a body with this text.
        delta_marker: bytes that every text delta contains.
        end_marker: bytes that every complete answer contains.
    """

    path: bytes
    input: Callable[[str], dict[str, Json]]
    delta_marker: bytes
    end_marker: bytes

    def request(self, model: str, text: str, **members: Json) -> bytes:
        """Encode a whole HTTP request."""
        body = json.encode({"model": model, "stream": True} | self.input(text) | members)
        head = b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" % self.path
        return head + b"content-length: %d\r\n\r\n" % len(body) + body


CHAT = Endpoint(
    b"/v1/chat/completions",
    lambda text: {"messages": [{"role": "user", "content": text}]},
    # The first chunk has the role before an empty content, so it does not match.
    b'"delta":{"content":"',
    b"data: [DONE]\n\n",
)
RESPONSES = Endpoint(
    b"/v1/responses",
    lambda text: {"input": text},
    b'{"type":"response.output_text.delta"',
    b'{"type":"response.completed"',
)


@frozen
class StreamedAnswer:
    """One streamed answer: the seconds to its first text, the number of text deltas, and its bytes."""

    first_seconds: float
    deltas: int
    body: bytes


class StreamClient:
    """Requests streamed answers, one after the other."""

    def __init__(self, port: int, endpoint: Endpoint) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._endpoint = endpoint

    def request(self, request: bytes) -> StreamedAnswer:
        """Send a request and read the answer to its end."""
        start = time.perf_counter()
        self._socket.sendall(request)
        return self._read(start)

    def _read(self, start: float) -> StreamedAnswer:
        first, data, endpoint = 0.0, bytearray(), self._endpoint
        while not data.endswith(b"0\r\n\r\n"):
            received = self._socket.recv(2**18)
            if not received:
                raise SystemExit("the daemon closed the connection")
            if not first and endpoint.delta_marker in data[-64:] + received:
                first = time.perf_counter() - start
            data += received
        if endpoint.end_marker not in data:
            raise SystemExit(f"an answer failed: {bytes(data[:400])!r}")
        return StreamedAnswer(first, data.count(endpoint.delta_marker), bytes(data))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def request_many(port: int, endpoint: Endpoint, request: bytes, count: int, clients: int) -> int:
    """Send `count` requests from `clients` concurrent clients; return the total number of text deltas."""
    deltas: list[int] = []

    def work() -> None:
        client = StreamClient(port, endpoint)
        deltas.append(sum(client.request(request).deltas for _ in range(count // clients)))
        client.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(deltas) < clients:
        raise SystemExit("a client received no answer")
    return sum(deltas)
