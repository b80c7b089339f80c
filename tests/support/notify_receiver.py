"""The notify socket of a service manager: receives the assignments that a daemon sends."""

import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen


@frozen
class Notification:
    """One datagram.

    Attributes:
        values: the assignments.
        monotonic: when it was read.
    """

    values: Mapping[str, str]
    monotonic: float


class NotifyReceiver:
    """A socket in a directory of its own.

    Attributes:
        path: its path, or `@name` of an abstract socket.
        received: all notifications so far; `receive` reads them.
    """

    def __init__(self, *, abstract: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="notify-")
        self.path = f"@{self._folder.name}" if abstract else str(Path(self._folder.name) / "socket")
        self.received: list[Notification] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self.path[1:]}" if abstract else self.path)
        self._socket.setblocking(False)

    def receive(self) -> list[Notification]:
        """Read what was sent, and return all notifications."""
        while True:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                return self.received
            pairs = (line.partition("=") for line in data.decode().splitlines())
            values = {name: value for name, _, value in pairs}
            self.received.append(Notification(values, time.monotonic()))

    def find(self, name: str, value: str | None = None) -> list[Notification]:
        """Return the notifications with an assignment, in their order."""
        return [one for one in self.receive() if name in one.values and value in (None, one.values[name])]

    def close(self) -> None:
        """Close the socket: what is sent from now on is lost."""
        self._socket.close()
        self._folder.cleanup()
