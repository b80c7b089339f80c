"""Tests of the token bucket."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.token_bucket import TokenBucket

LIMITS = st.integers(1, 10**6)
STEPS = st.lists(st.tuples(st.floats(0, 200, allow_nan=False), st.integers(0, 50)), max_size=60)
START = 1e6
"""A machine that has run for eleven days."""


def take(bucket: TokenBucket, amount: int, now: float) -> bool:
    """Subtract an amount if the bucket holds it."""
    if bucket.wait_seconds(amount, now) != 0:
        return False
    bucket.spend(amount, now)
    return True


class TokenBucketTests(SynchronousTestCase):
    def test_a_full_bucket_grants_its_limit_at_once_and_no_more(self) -> None:
        bucket = TokenBucket(3)
        self.assertEqual([take(bucket, 1, START) for _ in range(4)], [True, True, True, False])

    def test_it_says_exactly_when_the_next_unit_is_there(self) -> None:
        bucket = TokenBucket(3)
        for _ in range(3):
            take(bucket, 1, START)
        self.assertAlmostEqual(bucket.wait_seconds(1, START) or 0, 20)
        self.assertAlmostEqual(bucket.wait_seconds(1, START + 5) or 0, 15)
        self.assertFalse(take(bucket, 1, START + 19.9))
        self.assertTrue(take(bucket, 1, START + 20))

    def test_an_amount_above_the_limit_is_never_there(self) -> None:
        self.assertIsNone(TokenBucket(3).wait_seconds(4, START))

    def test_what_was_used_beyond_the_limit_is_a_debt(self) -> None:
        bucket = TokenBucket(60)
        bucket.spend(180, START)
        self.assertAlmostEqual(bucket.available(START), -120)
        self.assertAlmostEqual(bucket.wait_seconds(1, START) or 0, 121)
        self.assertAlmostEqual(bucket.full_in(START), 180)

    def test_what_is_given_back_is_there_at_once_and_never_exceeds_the_limit(self) -> None:
        bucket = TokenBucket(60)
        bucket.spend(60, START)
        bucket.spend(-50, START)
        self.assertAlmostEqual(bucket.available(START), 50)
        bucket.spend(-50, START)
        self.assertEqual(bucket.available(START), 60)
        self.assertEqual(bucket.full_in(START), 0)

    @given(LIMITS, STEPS)
    def test_no_window_grants_more_than_the_burst_and_the_refill(
        self, limit: int, steps: list[tuple[float, int]]
    ) -> None:
        bucket, now, granted = TokenBucket(limit), START, []
        for pause, amount in steps:
            now += pause
            if take(bucket, amount, now):
                granted.append((now, amount))
        for first, (begin, _) in enumerate(granted):
            total = 0
            for at, amount in granted[first:]:
                total += amount
                self.assertLessEqual(total, limit + limit * (at - begin) / 60 + 1e-3 * limit + 1e-3)

    @given(LIMITS, STEPS, st.integers(1, 50))
    def test_waiting_as_long_as_it_says_is_enough_and_necessary(
        self, limit: int, steps: list[tuple[float, int]], wanted: int
    ) -> None:
        bucket, now = TokenBucket(limit), START
        for pause, amount in steps:
            now += pause
            bucket.spend(amount, now)
        wait = bucket.wait_seconds(wanted, now)
        if wait is None:
            self.assertGreater(wanted, limit)
            return
        self.assertEqual(bucket.wait_seconds(wanted, now + wait), 0)
        if wait > 1e-3:
            self.assertNotEqual(bucket.wait_seconds(wanted, now + wait * 0.99 - 1e-6), 0)

    @given(LIMITS, st.integers(0, 1000), st.integers(0, 1000))
    def test_the_refill_is_exact_however_often_it_is_read(self, limit: int, spent: int, reads: int) -> None:
        bucket = TokenBucket(limit)
        bucket.spend(spent, START)
        for read in range(reads):
            bucket.available(START + 30 * read / reads)
        expected = min(limit, limit - spent + limit / 2)
        self.assertAlmostEqual(bucket.available(START + 30), expected, delta=1e-6 * limit + 1e-6)
