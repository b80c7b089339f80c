"""A timer for silence: it is told of every sign of life, and acts when there was none for long enough."""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime


class Heartbeat:
    """Acts after every so many seconds of silence.

    A sign of life costs one look at the clock: the timer is not moved, it looks when it fires.

    Args:
        clock: for the time and the timer.
        seconds: how long a silence may be.
        act: called at its end.
    """

    def __init__(self, clock: IReactorTime, seconds: float, act: Callable[[], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._act = act
        self._last = clock.seconds()
        self._timer = clock.callLater(seconds, self._look)

    def touch(self) -> None:
        """Note a sign of life."""
        self._last = self._clock.seconds()

    def stop(self) -> None:
        """Act no more. Idempotent."""
        if self._timer.active():
            self._timer.cancel()

    def _look(self) -> None:
        silent = self._clock.seconds() - self._last
        if silent < self._seconds:
            self._timer = self._clock.callLater(max(self._seconds - silent, 0.001), self._look)
            return
        self.touch()
        self._timer = self._clock.callLater(self._seconds, self._look)
        self._act()
