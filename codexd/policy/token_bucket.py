"""A token bucket: limits an amount per period, with bursts up to that amount."""

from attrs import define

_ROUNDING: float = 1e-6
"""The part of a unit that may be missing: waiting exactly as long as `wait_seconds` says must suffice."""


@define
class TokenBucket:
    """The bucket of one limit, which is full at first. It holds `limit` units and gains `limit` units each period.

    In any window of t seconds it grants at most `limit` (the burst) + `limit` * t / `period_seconds` units, but for
    `spend`, which takes what was used already. Its only state is the time at which it is full again, so reading it
    changes nothing, and no rounding errors add up.

    Attributes:
        limit: the capacity, and the gain in a period.
        period_seconds: the period.
        full_at: when the bucket is full again, on the clock of the `now` arguments; it must not go backwards.
    """

    limit: int
    period_seconds: float = 60.0
    full_at: float = 0.0

    def available(self, now: float) -> float:
        """Return how many units it holds; less than zero after more was spent than it held."""
        return self.limit - max(0.0, self.full_at - now) * self.limit / self.period_seconds

    def wait_seconds(self, amount: int, now: float) -> float | None:
        """Return in how many seconds this amount can be taken: 0 for now, None for never."""
        if amount > self.limit:
            return None
        missing = amount - self.available(now)
        return 0.0 if missing <= _ROUNDING else missing * self.period_seconds / self.limit

    def spend(self, amount: int, now: float) -> None:
        """Subtract an amount, also more than the bucket holds; a negative amount is added."""
        self.full_at = max(self.full_at, now) + amount * self.period_seconds / self.limit

    def full_in(self, now: float) -> float:
        """Return in how many seconds it is full."""
        return max(0.0, self.full_at - now)
