"""A client that costs little: one kept connection, raw bytes, no parsing beyond what is measured."""

import socket
import threading
import time

from attrs import frozen

from codexd.wire import json

_END = b"data: [DONE]\n\n"
_CONTENT = b'"delta":{"content":"'


@frozen
class Answer:
    """One streamed answer: seconds to its first text, and how many frames it had."""

    first_seconds: float
    frames: int


class Client:
    """Asks for streamed chat answers, one after the other."""

    def __init__(self, port: int, model: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._model = model

    def ask(self, text: str) -> Answer:
        """Ask, and read the answer to its end."""
        said = [{"role": "user", "content": text}]
        body = json.encode({"model": self._model, "stream": True, "messages": said})
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        began = time.perf_counter()
        self._socket.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        return self._read(began)

    def _read(self, began: float) -> Answer:
        first, data = 0.0, bytearray()
        while not data.endswith(b"0\r\n\r\n"):
            piece = self._socket.recv(2**18)
            if not piece:
                raise SystemExit("the daemon closed the connection")
            # The role comes first, with an empty content: text is what follows.
            if not first and _CONTENT in data[-64:] + piece and (data + piece).count(_CONTENT) > 0:
                first = time.perf_counter() - began
            data += piece
        if _END not in data:
            raise SystemExit(f"an answer failed: {bytes(data[:400])!r}")
        return Answer(first, data.count(b"data: "))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def ask_many(port: int, model: str, text: str, count: int, at_once: int) -> int:
    """Ask `count` times from `at_once` clients; give how many frames came in all."""
    frames: list[int] = []

    def work() -> None:
        client = Client(port, model)
        frames.append(sum(client.ask(text).frames for _ in range(count // at_once)))
        client.close()

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(frames)
