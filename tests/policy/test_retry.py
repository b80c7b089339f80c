"""Tests of the retry policy: which faults, how often, after which delay."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import fault, kinds
from codexd.policy.retry import RETRYABLE_KINDS, RetryPolicy, delay_seconds

POLICIES = st.builds(
    RetryPolicy,
    limit=st.integers(0, 6),
    initial_seconds=st.floats(0.01, 5),
    factor=st.floats(1, 4),
    max_seconds=st.floats(5, 60),
    jitter=st.floats(0, 1),
)
CHANCES = st.floats(0, 1)
DOWN = fault("unreachable")
LIMITED = fault("rate_limited")


class DelayTests(SynchronousTestCase):
    def test_delays_double_up_to_the_cap(self) -> None:
        policy = RetryPolicy(limit=9, initial_seconds=0.5, max_seconds=3.0)
        waits = [delay_seconds(policy, retries, DOWN, 0.0, 0.0) for retries in range(5)]
        self.assertEqual(waits, [0.5, 1.0, 2.0, 3.0, 3.0])

    def test_jitter_shortens_the_delay(self) -> None:
        self.assertEqual(delay_seconds(RetryPolicy(jitter=0.5), 0, DOWN, 0.0, 1.0), 0.25)

    def test_the_limit_ends_the_retries(self) -> None:
        policy = RetryPolicy(limit=2)
        self.assertIsNotNone(delay_seconds(policy, 1, DOWN, 0.0, 0.0))
        self.assertIsNone(delay_seconds(policy, 2, DOWN, 0.0, 0.0))

    def test_the_providers_delay_is_the_minimum(self) -> None:
        self.assertEqual(delay_seconds(RetryPolicy(), 0, LIMITED, 4.0, 0.3), 4.0)

    def test_a_requested_delay_over_the_cap_prevents_the_retry(self) -> None:
        self.assertIsNone(delay_seconds(RetryPolicy(max_seconds=10.0), 0, LIMITED, 11.0, 0.0))

    @given(POLICIES, st.integers(0, 1000), st.sampled_from(kinds()), CHANCES, st.floats(0, 100))
    def test_every_delay_is_between_the_requested_one_and_the_cap(
        self, policy: RetryPolicy, retries: int, kind: str, chance: float, requested: float
    ) -> None:
        wait = delay_seconds(policy, retries, fault(kind), requested, chance)
        if wait is None:
            retryable = kind in RETRYABLE_KINDS and retries < policy.limit
            self.assertTrue(not retryable or requested > policy.max_seconds)
        else:
            self.assertLess(retries, policy.limit)
            self.assertTrue(requested <= wait <= policy.max_seconds)

    def test_client_errors_are_never_retried(self) -> None:
        for kind in kinds():
            if fault(kind).status < 500 and fault(kind).status != 429:
                self.assertIsNone(delay_seconds(RetryPolicy(), 0, fault(kind), 0.0, 0.0), kind)
