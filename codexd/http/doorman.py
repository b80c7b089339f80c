"""Who is being answered, and how they are let finish when the daemon stops."""

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from codexd.http.moment import Moment
from codexd.neutral.fault import FaultError, fault
from codexd.observe.metrics import Metrics


class Guest(Protocol):
    """An answer under way."""

    def dismiss(self) -> None:
        """Fail with `shutting_down`, now."""
        ...


class Doorman:
    """Counts the answers under way, and closes the door.

    Args:
        clock: for the deadline.
        drain_seconds: how long answers may take to finish once the door is closed.
        metrics: told how many there are.
    """

    def __init__(self, clock: IReactorTime, drain_seconds: float, metrics: Metrics) -> None:
        self._clock = clock
        self._drain_seconds = drain_seconds
        self._inside: dict[Guest, None] = {}  # in the order in which they came
        self._empty = Moment()
        self.closed = False
        metrics.watch("requests_running", lambda: len(self._inside))

    def enter(self, guest: Guest) -> None:
        """Let an answer begin.

        Raises:
            FaultError: `shutting_down`, once the door is closed.
        """
        if self.closed:
            raise FaultError(fault("shutting_down"))
        self._inside[guest] = None

    def leave(self, guest: Guest) -> None:
        """Note that an answer is gone. Idempotent."""
        self._inside.pop(guest, None)
        if self.closed and not self._inside:
            self._tell()

    def close(self) -> Deferred[None]:
        """Let nobody in any more, dismiss after a while who is still inside, and fire when all are gone."""
        if not self.closed:
            self.closed = True
            self._deadline = self._clock.callLater(self._drain_seconds, self._dismiss)
        if not self._inside:
            self._tell()
        return self._empty.wait()

    def _dismiss(self) -> None:
        for guest in tuple(self._inside):
            guest.dismiss()

    def _tell(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()
        self._empty.happen()
