"""Something that happens once, and any number who wait for it."""

from twisted.internet.defer import Deferred


class Moment:
    """Comes once; who stops waiting for it disturbs nobody.

    Attributes:
        come: it has.
    """

    def __init__(self) -> None:
        self.come = False
        self._waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        """Fire when it has come: at once, if it has. Cancel it to wait no longer."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        if self.come:
            self.happen()
        return waiting

    def happen(self) -> None:
        """Come. Idempotent."""
        self.come = True
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)
