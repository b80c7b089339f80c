"""Limits the number of open connections of clients; idle ones make room for new ones."""

from collections.abc import Callable
from typing import Final, Protocol

_QUIET_SECONDS: Final = 1.0
"""How long a connection is idle before it may be closed: a client that has just connected sends its request soon."""


class IdleConnection(Protocol):
    """A connection on which no request is handled."""

    @property
    def has_partial_request(self) -> bool:
        """Whether a part of a request has arrived."""
        ...

    def close_idle(self) -> None:
        """Close the connection."""


class ConnectionLimit:
    """Counts the open connections of one site, and knows which are idle.

    Args:
        limit: the maximum number of open connections; 0 for no limit.
        seconds: returns the time.
        count: counts an entry of `codexd.observe.metric_tables.COUNTERS`.

    Attributes:
        limit: may be changed; applies to the next connection.
    """

    def __init__(self, limit: int, seconds: Callable[[], float], count: Callable[[str], None]) -> None:
        self.limit = limit
        self._seconds = seconds
        self._count = count
        self._open: set[IdleConnection] = set()
        self._idle: dict[IdleConnection, float] = {}  # since when; in order

    @property
    def open_count(self) -> int:
        """The number of open connections."""
        return len(self._open)

    def accept(self) -> bool:
        """Return whether one more connection may be opened; where there are too many, close an idle one."""
        if not self.limit or len(self._open) < self.limit:
            return True
        victim = self._choose_closed()
        if victim is None:
            self._count("connection_refused")
            return False
        self._count("connection_closed_idle")
        self.remove(victim)
        victim.close_idle()
        return True

    def add(self, connection: IdleConnection) -> None:
        """Add a connection that was opened."""
        self._open.add(connection)
        self._idle[connection] = self._seconds()

    def set_busy(self, connection: IdleConnection) -> None:
        """Record that a request is handled on a connection."""
        self._idle.pop(connection, None)

    def set_idle(self, connection: IdleConnection) -> None:
        """Record that no request is handled any longer."""
        if connection in self._open:
            self._idle[connection] = self._seconds()

    def remove(self, connection: IdleConnection) -> None:
        """Remove a connection that is closed. Idempotent."""
        self._open.discard(connection)
        self._idle.pop(connection, None)

    def _choose_closed(self) -> IdleConnection | None:
        """Return the newest idle connection, one without a part of a request if there is one."""
        latest = self._seconds() - _QUIET_SECONDS
        quiet = [connection for connection, since in reversed(self._idle.items()) if since <= latest]
        return next((one for one in quiet if not one.has_partial_request), quiet[0] if quiet else None)
