"""A timer that fires after a period without activity."""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

_MIN_SECONDS = 0.001  # a timer that fires a rounding error early must not loop


class Heartbeat:
    """Calls a function after every period without activity.

    Reporting activity only reads the clock: the timer stays where it is and checks when it fires.

    Args:
        clock: for the time and the timer.
        seconds: the length of the period.
        on_silence: called at the end of each period without activity.
    """

    def __init__(self, clock: IReactorTime, seconds: float, on_silence: Callable[[], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._on_silence = on_silence
        self._last = clock.seconds()
        self._timer = clock.callLater(seconds, self._check)

    def touch(self) -> None:
        """Report activity."""
        self._last = self._clock.seconds()

    def stop(self) -> None:
        """Stop the timer. Idempotent."""
        if self._timer.active():
            self._timer.cancel()

    def _check(self) -> None:
        silent = self._clock.seconds() - self._last
        if silent < self._seconds:
            self._timer = self._clock.callLater(max(self._seconds - silent, _MIN_SECONDS), self._check)
            return
        self.touch()
        self._timer = self._clock.callLater(self._seconds, self._check)
        self._on_silence()
