"""Who watches the clock for one answer: one timer, however many pieces come."""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from codexd.neutral.fault import Fault, fault


@frozen
class Deadlines:
    """How long what may take, in seconds.

    Attributes:
        first_event: until an attempt begins to answer.
        idle: between two events of an answer.
        total: for everything.
    """

    first_event: float
    idle: float
    total: float


class Watch:
    """Looks at the clock until it is stopped or something is late, which it tells once.

    Args:
        clock: for the timer.
        deadlines: the settings.
        late: told what was late: a fault of kind `no_first_event`, `idle` or `too_long`.
    """

    def __init__(self, clock: IReactorTime, deadlines: Deadlines, late: Callable[[Fault], None]) -> None:
        self._clock = clock
        self._deadlines = deadlines
        self._late = late
        self._started = self._since = clock.seconds()
        self._waiting_for = "no_first_event"
        self._held = False
        self._timer: IDelayedCall | None = None
        self._look()

    def attempt(self) -> None:
        """The request is made, or made again."""
        self._since = self._clock.seconds()

    def heard(self) -> None:
        """An event came; the hot path."""
        self._since = self._clock.seconds()

    def begin(self) -> None:
        """The answer began: from here on it is silence that counts."""
        self._waiting_for = "idle"
        self._since = self._clock.seconds()
        self._look()

    def hold(self) -> None:
        """Nothing is read: silence is nobody's fault."""
        self._held = True

    def release(self) -> None:
        """It is read again."""
        self._held = False
        self._since = self._clock.seconds()

    def stop(self) -> None:
        """All is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self.stop()
        now = self._clock.seconds()
        wait = self._deadlines.idle if self._waiting_for == "idle" else self._deadlines.first_event
        ends = self._started + self._deadlines.total
        due = now + wait if self._held else self._since + wait
        if now >= ends:
            self._late(fault("too_long"))
        elif now >= due:
            self._late(fault(self._waiting_for))
        else:
            self._timer = self._clock.callLater(min(ends, due) - now, self._again)

    def _again(self) -> None:
        self._timer = None
        self._look()
