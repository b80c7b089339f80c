"""A loopback port that forwards connections to another one and records what clients send."""

import socket
import threading
from contextlib import suppress
from typing import Final

_CHUNK_BYTES: Final = 65536


class TappedPort:
    """Forwards every connection.

    Args:
        target: the port to forward to.

    Attributes:
        port: the port that it listens on.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._received = bytearray()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def received(self) -> bytes:
        """Everything that clients have sent, interleaved as it came."""
        return bytes(self._received)

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, record: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                if record:
                    self._received += data
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
