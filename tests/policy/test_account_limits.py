"""Tests of the limits of the Codex account."""

from math import isnan

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import fault
from codexd.policy.account_limits import AccountLimits, AccountState, LimitWindow
from tests.support.usage_rows import MIDNIGHT

HOUR = 3600


class AccountStateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = float(MIDNIGHT)
        self.state = AccountState(unix_time=lambda: self.now)

    def report(self, primary: int, secondary: int | None = None, resets_in: int | None = HOUR) -> None:
        """Report windows that are used to these percentages."""
        resets_at = None if resets_in is None else MIDNIGHT + resets_in
        long = None if secondary is None else LimitWindow(used_percent=secondary, resets_at=MIDNIGHT + 5 * HOUR)
        window = LimitWindow(used_percent=primary, minutes=300, resets_at=resets_at)
        self.state.update(AccountLimits(primary=window, secondary=long))

    def test_without_a_report_nothing_is_known(self) -> None:
        self.state.update(AccountLimits())
        self.assertIsNone(self.state.limits)
        self.assertEqual((self.state.headers(), self.state.current_windows()), ((), ()))
        self.assertTrue(isnan(self.state.used_ratio("primary")))
        self.assertTrue(isnan(self.state.resets_at("primary")))

    def test_an_update_keeps_what_it_does_not_contain(self) -> None:
        self.report(10, 20)
        self.state.update(AccountLimits(plan="plus"))
        self.report(30)
        self.assertEqual([self.state.used_ratio(name) for name in ("primary", "secondary")], [0.3, 0.2])
        assert self.state.limits is not None
        self.assertEqual(self.state.limits.plan, "plus")

    def test_headers_have_what_is_left_and_when_it_resets(self) -> None:
        self.report(120)
        self.assertEqual(
            self.state.headers(),
            (
                (b"x-ratelimit-limit-primary", b"100%"),
                (b"x-ratelimit-remaining-primary", b"0%"),
                (b"x-ratelimit-reset-primary", b"1h0m0s"),
            ),
        )
        self.report(20, resets_in=None)
        self.assertEqual(
            [name for name, _ in self.state.headers()], [b"x-ratelimit-limit-primary", b"x-ratelimit-remaining-primary"]
        )

    def test_a_window_whose_reset_has_passed_is_unused(self) -> None:
        self.report(100)
        self.now += HOUR
        self.assertEqual(self.state.used_ratio("primary"), 0)
        self.assertTrue(isnan(self.state.resets_at("primary")))
        self.assertIsNone(self.state.explain(fault("quota_exhausted")).retry_after_seconds)

    def test_a_reached_limit_explains_its_failure_by_the_last_reset(self) -> None:
        self.report(100, 100)
        for kind in ("quota_exhausted", "rate_limited"):
            explained = self.state.explain(fault(kind))
            self.assertIn("2026-12-01T05:00:00Z", explained.message)
            self.assertEqual((explained.kind, explained.retry_after_seconds), (kind, 5 * HOUR))

    def test_other_failures_and_limits_that_are_not_reached_are_not_explained(self) -> None:
        self.report(99)
        self.assertEqual(self.state.explain(fault("quota_exhausted")), fault("quota_exhausted"))
        self.report(100)
        self.assertEqual(self.state.explain(fault("overloaded")), fault("overloaded"))
        told = fault("rate_limited", retry_after_seconds=2.0)
        self.assertEqual(self.state.explain(told), told)
