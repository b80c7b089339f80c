"""The open connections of the server: at a stop, each is closed once its client has its last byte."""

from typing import Protocol

from codexd.answers.one_shot_event import OneShotEvent


class DrainableConnection(Protocol):
    """A connection as `Connections` sees it."""

    @property
    def has_response(self) -> bool:
        """Whether a request is being answered, or bytes of a response may not have been sent yet."""
        ...

    def drain(self) -> None:
        """Accept no further request: close once the response that runs, if any, is sent."""

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""


class Connections:
    """The connections from their start to their end, which is when the transport has sent everything.

    Attributes:
        draining: the server is being stopped; every response closes its connection.
    """

    def __init__(self) -> None:
        self._open: dict[DrainableConnection, None] = {}
        self._delivered = OneShotEvent()
        self.draining = False

    def add(self, connection: DrainableConnection) -> None:
        """Register an open connection."""
        self._open[connection] = None

    def remove(self, connection: DrainableConnection) -> None:
        """Remove a closed connection. Idempotent."""
        self._open.pop(connection, None)
        self._check()

    @property
    def unsent(self) -> int:
        """The number of connections with a response that is not sent to its end."""
        return sum(connection.has_response for connection in self._open)

    def drain(self) -> OneShotEvent:
        """Close the idle connections now, and the others after their response; the event is that all are sent."""
        if not self.draining:
            self.draining = True
            for connection in tuple(self._open):
                connection.drain()
        self._check()
        return self._delivered

    def abort(self) -> int:
        """Close the connections with a response that is not sent to its end; return their number."""
        unsent = [connection for connection in self._open if connection.has_response]
        for connection in unsent:
            connection.abort()
        return len(unsent)

    def _check(self) -> None:
        if self.draining and not self.unsent:
            self._delivered.fire()
