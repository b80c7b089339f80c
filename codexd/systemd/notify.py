"""Notifications to the service manager (sd_notify(3)): datagrams to the socket that NOTIFY_SOCKET names."""

import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

_VARIABLE: Final = "NOTIFY_SOCKET"
_MICROSECONDS: Final = 1_000_000


@frozen
class NotifySocket:
    """Sends assignments to the service manager. It never blocks and never raises: a lost datagram is harmless.

    Attributes:
        address: of the socket; None if no service manager asked for notifications.
        monotonic: returns the time of CLOCK_MONOTONIC in seconds.
    """

    address: bytes | None
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "NotifySocket":
        """Build the socket that the environment names; `@` begins the name of an abstract one."""
        name = environ.get(_VARIABLE, "").encode("utf-8", "surrogateescape")
        if name[:1] not in (b"/", b"@"):
            return cls(None)
        return cls(b"\0" + name[1:] if name.startswith(b"@") else name)

    def send(self, **assignments: str | int) -> bool:
        """Send assignments such as `STATUS="..."` in one datagram; return whether it was accepted."""
        if self.address is None:
            return False
        text = "".join(f"{name}={_one_line(value)}\n" for name, value in assignments.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(text.encode("utf-8", "replace"), self.address)
        except OSError:
            return False
        return True

    def send_reloading(self) -> None:
        """Send the begin of a reload, with the time by which the service manager knows which one it is."""
        self.send(RELOADING=1, MONOTONIC_USEC=int(self.monotonic() * _MICROSECONDS))


def _one_line(value: str | int) -> str:
    return " ".join(str(value).split())
