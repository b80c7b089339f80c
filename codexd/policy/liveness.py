"""Whether a child process that runs still responds: a ping when it is silent, and a verdict when that has no answer.

The verdict `hung` must not hit a child that is only slow, or that codexd itself does not read:

- While the child's output is paused, and after the daemon itself was held (a suspended machine, a stopped process),
  the answer may lie unread in the pipe. The time to answer then starts again.
- A child that writes anything responds, but perhaps to others: its answer may be behind what it writes for a slow
  reader. It gets `BUSY_FACTOR` times the time.
"""

from typing import Final, Literal

from codexd.neutral.records import frozen

PING_SECONDS: Final = 2.0
"""The time of silence, or without the answer to a call, after which a child is pinged."""

CLOSED_SECONDS: Final = 1.0
"""How long a child may run on after it has closed its standard input or output."""

GAP_SECONDS: Final = 3.0
"""The time between two checks beyond which the daemon was held: checks are made every second."""

BUSY_FACTOR: Final = 3.0
"""How many times longer a child that writes may take to answer."""

Verdict = Literal["alive", "ping", "hung"]
"""What to do: nothing, send a ping, or kill the child."""


@frozen(kw_only=True)
class Observation:
    """What was seen of a child at one check.

    Attributes:
        heard: whether it has written anything since the last check.
        paused: whether codexd does not read its output now.
        oldest_call_at: when the oldest call was sent that is not answered; None if there is none.
    """

    heard: bool
    paused: bool = False
    oldest_call_at: float | None = None


class Liveness:
    """The state of one child; times are seconds of one clock, which may jump.

    Args:
        hang_seconds: how long the child may take to answer a ping.
        now: when the child became ready.

    Attributes:
        hang_seconds: as above; it may be changed.
        held: whether the daemon was held before the last check, so that other deadlines are in doubt, too.
        suspected: whether a ping is late, by more than `PING_SECONDS`.
    """

    def __init__(self, hang_seconds: float, now: float) -> None:
        self.hang_seconds = hang_seconds
        self.held = False
        self.suspected = False
        self._checked_at = self._heard_at = now
        self._pinged = False
        # The ping and the silence that count towards a verdict: they start again after a pause or a gap.
        self._waiting_since = self._silent_since = now
        self._closed_at: float | None = None

    def answered(self) -> None:
        """Record the answer to a ping."""
        self._pinged = self.suspected = False

    def pipe_closed(self, now: float) -> None:
        """Record that the child has closed its standard input or output."""
        if self._closed_at is None:
            self._closed_at = now

    def check(self, now: float, seen: Observation) -> Verdict:
        """Return what to do now; to be called every second. After `ping` a ping must be sent."""
        self.held = not 0 <= now - self._checked_at <= GAP_SECONDS
        self._checked_at = now
        if self.held and self._closed_at is not None:
            self._closed_at = now
        if self._closed_at is not None and now - self._closed_at >= CLOSED_SECONDS:
            return "hung"
        if seen.paused or self.held:
            self._heard_at = self._waiting_since = self._silent_since = now
            return "alive"
        if seen.heard:
            self._heard_at = self._silent_since = now
        if self._pinged:
            return self._judge(now)
        calls_late = seen.oldest_call_at is not None and now - seen.oldest_call_at >= PING_SECONDS
        if calls_late or now - self._heard_at >= PING_SECONDS:
            self._pinged = True
            self._waiting_since = self._silent_since = now
            return "ping"
        return "alive"

    def _judge(self, now: float) -> Verdict:
        """Judge a child that has not answered a ping."""
        waiting, silent = now - self._waiting_since, now - self._silent_since
        self.suspected = waiting >= PING_SECONDS
        late = silent >= self.hang_seconds or waiting >= self.hang_seconds * BUSY_FACTOR
        return "hung" if late else "alive"
