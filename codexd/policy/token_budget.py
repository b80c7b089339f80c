"""Budgets of tokens by calendar day and month (UTC)."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from attrs import define

from codexd.neutral.records import frozen

PeriodKind = Literal["day", "month"]


@frozen
class Period:
    """A calendar day or month.

    Attributes:
        label: `2026-11-30` or `2026-11`.
        ends: Unix time in seconds.
    """

    label: str
    ends: float


def period_at(kind: PeriodKind, now: float) -> Period:
    """Return the day or month of a Unix time."""
    moment = datetime.fromtimestamp(now, UTC)
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        return Period(f"{start:%Y-%m-%d}", (start + timedelta(days=1)).timestamp())
    first = start.replace(day=1)
    return Period(f"{first:%Y-%m}", (first + timedelta(days=31)).replace(day=1).timestamp())


@define(kw_only=True)
class TokenBudget:
    """The tokens that one key has spent in the current day or month.

    Attributes:
        kind: the length of its periods.
        limit: the budget; None for none.
        period: the current period.
        spent: the tokens spent in it, those before the last restart once they are loaded.
        is_reported: it was reported that the budget of the period is used up.
    """

    kind: PeriodKind
    limit: int | None
    period: Period
    spent: int = 0
    is_reported: bool = False

    @classmethod
    def start(cls, kind: PeriodKind, limit: int | None, now: float) -> "TokenBudget":
        """Build the budget of the period of a Unix time."""
        return cls(kind=kind, limit=limit, period=period_at(kind, now))

    def advance(self, now: float) -> None:
        """Begin the next period when it is time. A clock that is set back does not bring back an old period."""
        if now >= self.period.ends:
            self.period, self.spent, self.is_reported = period_at(self.kind, now), 0, False

    def resize(self, limit: int | None) -> None:
        """Use another limit for the tokens of the current period, too."""
        if limit != self.limit:
            self.limit, self.is_reported = limit, False

    def left(self) -> float:
        """Return the tokens that are left, infinity without a limit; less than zero after more were used."""
        return float("inf") if self.limit is None else self.limit - self.spent

    @property
    def resets(self) -> str:
        """When the next period begins (RFC 3339, UTC)."""
        return f"{datetime.fromtimestamp(self.period.ends, UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def used_ratio(self) -> float:
        """The part of the budget that is used; above 1 after more was used than is in it."""
        return self.spent / self.limit if self.limit else 0.0
