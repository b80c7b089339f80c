"""How long requests took, minute by minute, and what each model and key has used, in bounded memory."""

from bisect import bisect_left
from collections import deque
from math import exp, log
from typing import Final

from attrs import Factory, define

MINUTES: Final = 180
"""How many minutes are kept."""

_STEP: Final = log(1.12)
_SMALLEST_SECONDS: Final = 0.001


@define
class Durations:
    """The number of durations by their logarithm: quantiles are exact to 6%.

    Attributes:
        counts: the number of durations by step; there are about 150 steps from a millisecond to a day.
        total: of all steps.
    """

    counts: dict[int, int] = Factory(dict)
    total: int = 0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        step = round(log(max(seconds, _SMALLEST_SECONDS) / _SMALLEST_SECONDS) / _STEP)
        self.counts[step] = self.counts.get(step, 0) + 1
        self.total += 1

    def add_all(self, others: "Durations") -> None:
        """Count the durations of others, too."""
        for step, count in others.counts.items():
            self.counts[step] = self.counts.get(step, 0) + count
        self.total += others.total

    def quantile(self, share: float) -> float | None:
        """Return the duration in seconds that this share of all does not exceed; None without any."""
        if not self.total:
            return None
        steps = sorted(self.counts)
        sums, so_far = [], 0
        for step in steps:
            so_far += self.counts[step]
            sums.append(so_far)
        return _SMALLEST_SECONDS * exp(steps[bisect_left(sums, share * self.total)] * _STEP)


@define(kw_only=True)
class Minute:
    """The requests that ended in one minute.

    Attributes:
        number: of the minute, counted from the zero of the clock.
        requests: how many there were.
        refused: how many reached no model: they have no duration.
        first_event: the times from their arrival to the model's first event.
        duration: the times from their arrival to their end.
    """

    number: int
    requests: int = 0
    refused: int = 0
    first_event: Durations = Factory(Durations)
    duration: Durations = Factory(Durations)


class RequestHistory:
    """The last minutes."""

    def __init__(self) -> None:
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)

    def add(
        self,
        now: float,
        *,
        seconds: float,
        first_event_seconds: float | None,
        is_refused: bool = False,
    ) -> None:
        """Count a request that ends now.

        Args:
            now: the time on any clock, in seconds.
            seconds: from its arrival to its end.
            first_event_seconds: from its arrival to the model's first event; None if there was none.
            is_refused: it reached no model, so that its time says nothing about one.
        """
        minute = self._minute(int(now // 60))
        minute.requests += 1
        if is_refused:
            minute.refused += 1
            return
        minute.duration.add(seconds)
        if first_event_seconds is not None:
            minute.first_event.add(first_event_seconds)

    def minutes(self, now: float) -> tuple[Minute, ...]:
        """Return the last minutes in which requests ended, oldest first."""
        oldest = int(now // 60) - MINUTES
        return tuple(minute for minute in self._minutes if minute.number > oldest)

    def _minute(self, number: int) -> Minute:
        if not self._minutes or self._minutes[-1].number < number:
            self._minutes.append(Minute(number=number))
        return self._minutes[-1]
