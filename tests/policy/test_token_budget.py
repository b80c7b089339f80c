"""Tests of budgets by calendar day and month."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.token_budget import TokenBudget, period_at


def unix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class PeriodTests(SynchronousTestCase):
    def test_periods_end_with_the_calendar(self) -> None:
        for moment, kind, label, ends in (
            ("2026-11-30T13:00", "day", "2026-11-30", "2026-12-01T00:00"),
            ("2026-11-30T13:00", "month", "2026-11", "2026-12-01T00:00"),
            ("2026-12-31T23:59:59", "month", "2026-12", "2027-01-01T00:00"),
            ("2028-02-29T00:00", "month", "2028-02", "2028-03-01T00:00"),
            ("2028-02-29T00:00", "day", "2028-02-29", "2028-03-01T00:00"),
        ):
            period = period_at(kind, unix(moment))  # type: ignore[arg-type]
            self.assertEqual((period.label, period.ends), (label, unix(ends)), moment)

    @given(st.floats(0, 4e9), st.sampled_from(["day", "month"]))
    def test_a_period_ends_after_each_of_its_moments(self, moment: float, kind: str) -> None:
        period = period_at(kind, moment)  # type: ignore[arg-type]
        self.assertGreater(period.ends, moment)
        self.assertLessEqual(period.ends - moment, 31 * 86400)
        self.assertNotEqual(period_at(kind, period.ends).label, period.label)  # type: ignore[arg-type]


class TokenBudgetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.budget = TokenBudget.start("day", 100, unix("2026-11-30T23:00"))

    def test_what_is_spent_is_gone_until_the_period_ends(self) -> None:
        self.budget.spent = 120
        self.budget.advance(unix("2026-11-30T23:59:59"))
        self.assertEqual((self.budget.left(), self.budget.used_ratio), (-20, 1.2))
        self.budget.advance(unix("2026-12-01T00:00"))
        self.assertEqual((self.budget.left(), self.budget.period.label), (100, "2026-12-01"))

    def test_a_clock_that_is_set_back_brings_nothing_back(self) -> None:
        self.budget.advance(unix("2026-12-01T00:00"))
        self.budget.spent = 50
        self.budget.advance(unix("2026-11-30T23:00"))
        self.assertEqual((self.budget.left(), self.budget.period.label), (50, "2026-12-01"))

    def test_without_a_limit_nothing_is_used_up(self) -> None:
        self.budget.limit, self.budget.spent = None, 10**12
        self.assertEqual((self.budget.left(), self.budget.used_ratio), (float("inf"), 0.0))
