"""Enforces the deadlines of one response with one timer, however many events arrive."""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from codexd.neutral.fault import Fault, fault


@frozen
class Deadlines:
    """The time limits of one response.

    Attributes:
        first_event_seconds: from the start of an attempt to its first event.
        idle_seconds: between two events of the response.
        total_seconds: for the whole response, retries included.
    """

    first_event_seconds: float
    idle_seconds: float
    total_seconds: float


class DeadlineTimer:
    """Calls back once when a deadline expires, unless it is stopped before.

    The timer runs from its creation.

    Args:
        clock: schedules the timer.
        deadlines: the time limits.
        expired: called with a fault of kind `no_first_event`, `idle` or `too_long`.
    """

    def __init__(self, clock: IReactorTime, deadlines: Deadlines, expired: Callable[[Fault], None]) -> None:
        self._clock = clock
        self._deadlines = deadlines
        self._expired = expired
        self._started = self._last_activity = clock.seconds()
        self._kind = "no_first_event"
        self._paused = False
        self._timer: IDelayedCall | None = None
        self._check()

    def start_attempt(self) -> None:
        """Restart the first-event deadline: a request is sent, perhaps again."""
        self._last_activity = self._clock.seconds()

    def record_event(self) -> None:
        """Restart the current deadline: an event arrived. This is on the hot path."""
        self._last_activity = self._clock.seconds()

    def start_response(self) -> None:
        """Replace the first-event deadline by the idle deadline: the response began."""
        self._kind = "idle"
        self._last_activity = self._clock.seconds()
        self._check()

    def pause(self) -> None:
        """Suspend the idle deadline while nothing is read from the upstream."""
        self._paused = True

    def resume(self) -> None:
        """Restart the idle deadline: the upstream is read again."""
        self._paused = False
        self._last_activity = self._clock.seconds()

    def stop(self) -> None:
        """Cancel the timer. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self.stop()
        now = self._clock.seconds()
        idle = self._kind == "idle"
        wait = self._deadlines.idle_seconds if idle else self._deadlines.first_event_seconds
        ends = self._started + self._deadlines.total_seconds
        due = now + wait if self._paused else self._last_activity + wait
        if now >= ends:
            self._expired(fault("too_long"))
        elif now >= due:
            self._expired(fault(self._kind))
        else:
            self._timer = self._clock.callLater(min(ends, due) - now, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._check()
