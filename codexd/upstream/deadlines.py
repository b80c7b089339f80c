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
        expired: called with a `no_first_event`, `idle_timeout` or `too_long` fault; never before `__init__` returns.
        ends: when the request ends on the clock, if that is earlier than `total_seconds`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        deadlines: Deadlines,
        expired: Callable[[Fault], None],
        ends: float | None = None,
    ) -> None:
        self._clock = clock
        self._deadlines = deadlines
        self._expired = expired
        self._last_activity = clock.seconds()
        self._kind = "no_first_event"
        self._paused = False
        own_end = self._last_activity + deadlines.total_seconds
        self._ends = own_end if ends is None else min(own_end, ends)
        wait = min(deadlines.first_event_seconds, self._ends - self._last_activity)
        self._timer: IDelayedCall | None = clock.callLater(max(wait, 0.0), self._timer_fired)

    def start_attempt(self) -> None:
        """Restart the first-event deadline: a request is sent, perhaps again."""
        self._last_activity = self._clock.seconds()

    def record_event(self) -> None:
        """Restart the current deadline: an event arrived. This is on the hot path."""
        self._last_activity = self._clock.seconds()

    def start_response(self) -> None:
        """Replace the first-event deadline by the idle deadline: the response began."""
        self._kind = "idle_timeout"
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
        idle = self._kind == "idle_timeout"
        wait = self._deadlines.idle_seconds if idle else self._deadlines.first_event_seconds
        due = now + wait if self._paused else self._last_activity + wait
        if now >= self._ends:
            self._expired(fault("too_long"))
        elif now >= due:
            self._expired(fault(self._kind))
        else:
            self._timer = self._clock.callLater(min(self._ends, due) - now, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._check()
