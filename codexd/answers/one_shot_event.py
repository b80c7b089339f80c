"""A one-shot event that any number of callers can wait for."""

from twisted.internet.defer import Deferred


class OneShotEvent:
    """An event that happens once; a caller that stops waiting does not affect the others.

    Attributes:
        fired: whether it has happened.
    """

    def __init__(self) -> None:
        self.fired = False
        self._waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        """Return a Deferred that fires with the event, at once if it has happened. Cancel it to stop waiting."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        if self.fired:
            self.fire()
        return waiting

    def fire(self) -> None:
        """Let the event happen. Idempotent."""
        self.fired = True
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)
