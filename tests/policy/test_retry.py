"""Repetitions: which faults, how often, after how long."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import fault, kinds
from codexd.policy.retry import REPEATABLE, RetryPolicy, wait_seconds

POLICIES = st.builds(
    RetryPolicy,
    limit=st.integers(0, 6),
    first_seconds=st.floats(0.01, 5),
    factor=st.floats(1, 4),
    cap_seconds=st.floats(5, 60),
    jitter=st.floats(0, 1),
)
CHANCES = st.floats(0, 1)
DOWN = fault("unreachable")
LIMITED = fault("rate_limited")


class WaitTests(SynchronousTestCase):
    def test_waits_double_up_to_their_cap(self) -> None:
        policy = RetryPolicy(limit=9, first_seconds=0.5, cap_seconds=3.0)
        waits = [wait_seconds(policy, repeated, DOWN, 0.0, 0.0) for repeated in range(5)]
        self.assertEqual(waits, [0.5, 1.0, 2.0, 3.0, 3.0])

    def test_chance_takes_its_share_off(self) -> None:
        self.assertEqual(wait_seconds(RetryPolicy(jitter=0.5), 0, DOWN, 0.0, 1.0), 0.25)

    def test_after_the_limit_nothing_is_repeated(self) -> None:
        policy = RetryPolicy(limit=2)
        self.assertIsNotNone(wait_seconds(policy, 1, DOWN, 0.0, 0.0))
        self.assertIsNone(wait_seconds(policy, 2, DOWN, 0.0, 0.0))

    def test_what_the_provider_asks_for_is_waited_at_least(self) -> None:
        self.assertEqual(wait_seconds(RetryPolicy(), 0, LIMITED, 4.0, 0.3), 4.0)

    def test_a_provider_that_asks_for_too_long_is_not_asked_again(self) -> None:
        self.assertIsNone(wait_seconds(RetryPolicy(cap_seconds=10.0), 0, LIMITED, 11.0, 0.0))

    @given(POLICIES, st.integers(0, 1000), st.sampled_from(kinds()), CHANCES, st.floats(0, 100))
    def test_no_wait_is_longer_than_the_cap_or_shorter_than_what_was_asked_for(
        self, policy: RetryPolicy, repeated: int, kind: str, chance: float, asked: float
    ) -> None:
        wait = wait_seconds(policy, repeated, fault(kind), asked, chance)
        if wait is None:
            passing = kind in REPEATABLE and repeated < policy.limit
            self.assertTrue(not passing or asked > policy.cap_seconds)
        else:
            self.assertLess(repeated, policy.limit)
            self.assertTrue(asked <= wait <= policy.cap_seconds)

    def test_what_the_client_did_wrong_is_never_repeated(self) -> None:
        for kind in kinds():
            if fault(kind).status < 500 and fault(kind).status != 429:
                self.assertIsNone(wait_seconds(RetryPolicy(), 0, fault(kind), 0.0, 0.0), kind)
