"""The rate at which the turns of a back end end, and the Retry-After that follows from it."""

from math import exp
from typing import Final

_WINDOW_SECONDS: Final = 10.0
"""The time after which a turn that has ended counts 1/e of a new one."""

_MIN_SECONDS: Final = 1.0
_MAX_SECONDS: Final = 60.0


class CompletionRate:
    """A moving rate of events."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._at = 0.0
        self._since: float | None = None

    def record(self, now: float) -> None:
        """Record one event."""
        if self._since is None:
            self._since = now
        self._weight = self._decayed(now) + 1.0
        self._at = now

    def per_second(self, now: float) -> float | None:
        """Return the rate; None without a measurement."""
        if self._since is None or now <= self._since:
            return None
        observed = _WINDOW_SECONDS * (1.0 - exp(-(now - self._since) / _WINDOW_SECONDS))
        return self._decayed(now) / observed

    def _decayed(self, now: float) -> float:
        return self._weight * exp(-max(now - self._at, 0.0) / _WINDOW_SECONDS)


def retry_after_seconds(position: int, per_second: float | None, unknown_seconds: float, chance: float) -> float:
    """Return when a refused request may come again, from 1 to 60 seconds.

    It is spread by a quarter around the estimate, so that clients that were refused together do not return together.

    Args:
        position: the place that it would have in the queue, from 1 on.
        per_second: the rate at which the queue is served; None if it is not known.
        unknown_seconds: the estimate without a rate.
        chance: a random number from 0 to 1.
    """
    wait = unknown_seconds if per_second is None else position / max(per_second, position / _MAX_SECONDS)
    wait = min(max(wait, _MIN_SECONDS), _MAX_SECONDS)
    low = max(_MIN_SECONDS, 0.75 * wait)
    high = min(_MAX_SECONDS, max(low + 1.0, 1.25 * wait))
    return low + chance * (high - low)
