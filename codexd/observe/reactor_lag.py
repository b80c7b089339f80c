"""Measures how long the reactor is held: how late a timer fires."""

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

INTERVAL_SECONDS: Final = 1.0


class ReactorLag:
    """A timer that fires at intervals.

    Args:
        clock: of the timer.
        observe: called with the seconds by which the timer was late.
    """

    def __init__(self, clock: IReactorTime, observe: Callable[[float], object]) -> None:
        self._clock = clock
        self._observe = observe
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Start the timer."""
        due = self._clock.seconds() + INTERVAL_SECONDS
        self._timer = self._clock.callLater(INTERVAL_SECONDS, self._fired, due)

    def stop(self) -> None:
        """Stop the timer. Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _fired(self, due: float) -> None:
        self._observe(max(self._clock.seconds() - due, 0.0))
        self.start()
