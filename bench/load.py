"""A client that costs little: one kept connection, raw bytes, no parsing beyond what is measured."""

import socket
import threading
import time
from collections.abc import Callable

from attrs import frozen

from codexd.wire import json
from codexd.wire.json import Json


@frozen
class Door:
    """One of codexd's doors, asked for streams.

    Attributes:
        path: where it is.
        asks: gives the member of a body that asks a text.
        piece: what every piece of text has.
        end: what every whole answer has.
    """

    path: bytes
    asks: Callable[[str], dict[str, Json]]
    piece: bytes
    end: bytes

    def request(self, model: str, text: str, **more: Json) -> bytes:
        """Write a whole request."""
        body = json.encode({"model": model, "stream": True} | self.asks(text) | more)
        head = b"POST %b HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n" % self.path
        return head + b"content-length: %d\r\n\r\n" % len(body) + body


CHAT = Door(
    b"/v1/chat/completions",
    lambda text: {"messages": [{"role": "user", "content": text}]},
    # The role comes first, with an empty content: text is what follows.
    b'"delta":{"content":"',
    b"data: [DONE]\n\n",
)
RESPONSES = Door(
    b"/v1/responses",
    lambda text: {"input": text},
    b'{"type":"response.output_text.delta"',
    b'{"type":"response.completed"',
)


@frozen
class Answer:
    """One streamed answer: seconds to its first text, how many pieces of text it had, and its bytes."""

    first_seconds: float
    pieces: int
    said: bytes


class Client:
    """Asks for streamed answers, one after the other."""

    def __init__(self, port: int, door: Door) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._door = door

    def ask(self, request: bytes) -> Answer:
        """Ask, and read the answer to its end."""
        began = time.perf_counter()
        self._socket.sendall(request)
        return self._read(began)

    def _read(self, began: float) -> Answer:
        first, data, door = 0.0, bytearray(), self._door
        while not data.endswith(b"0\r\n\r\n"):
            piece = self._socket.recv(2**18)
            if not piece:
                raise SystemExit("the daemon closed the connection")
            if not first and door.piece in data[-64:] + piece:
                first = time.perf_counter() - began
            data += piece
        if door.end not in data:
            raise SystemExit(f"an answer failed: {bytes(data[:400])!r}")
        return Answer(first, data.count(door.piece), bytes(data))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def ask_many(port: int, door: Door, request: bytes, count: int, at_once: int) -> int:
    """Ask `count` times from `at_once` clients; give how many pieces of text came in all."""
    pieces: list[int] = []

    def work() -> None:
        client = Client(port, door)
        pieces.append(sum(client.ask(request).pieces for _ in range(count // at_once)))
        client.close()

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(pieces) < at_once:
        raise SystemExit("a client was not answered")
    return sum(pieces)
