from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.completion_rate import CompletionRate, retry_after_seconds


class CompletionRateTests(SynchronousTestCase):
    def test_there_is_no_rate_without_a_measurement(self) -> None:
        rate = CompletionRate()
        self.assertIsNone(rate.per_second(5.0))
        rate.record(5.0)
        self.assertIsNone(rate.per_second(5.0))

    def test_a_steady_rate_is_measured(self) -> None:
        for per_second in (2, 50):
            rate = CompletionRate()
            for number in range(30 * per_second):
                rate.record(100.0 + number / per_second)
            measured = rate.per_second(100.0 + 30.0)
            assert measured is not None
            self.assertTrue(0.9 < measured / per_second < 1.1, measured)

    def test_the_rate_falls_when_nothing_ends(self) -> None:
        rate = CompletionRate()
        for number in range(100):
            rate.record(number / 10)
        before, after = rate.per_second(10.0), rate.per_second(40.0)
        assert before is not None
        assert after is not None
        self.assertLess(after, before / 10)


class RetryAfterTests(SynchronousTestCase):
    def test_it_is_the_position_divided_by_the_rate(self) -> None:
        self.assertEqual(retry_after_seconds(100, 5.0, 10.0, 0.5), 20.0)
        self.assertEqual(retry_after_seconds(1, None, 10.0, 0.5), 10.0)

    def test_clients_that_are_refused_together_do_not_return_together(self) -> None:
        self.assertEqual([retry_after_seconds(100, 5.0, 10.0, chance) for chance in (0.0, 1.0)], [15.0, 25.0])
        self.assertEqual([retry_after_seconds(1, 50.0, 10.0, chance) for chance in (0.0, 1.0)], [1.0, 2.0])
        self.assertEqual([retry_after_seconds(9, 0.0, 10.0, chance) for chance in (0.0, 1.0)], [45.0, 60.0])

    @given(
        position=st.integers(1, 10**6),
        rate=st.none() | st.floats(0, 10**6),
        unknown=st.floats(0.001, 10**6),
        chance=st.floats(0, 1),
    )
    def test_it_is_from_one_second_to_a_minute(
        self, position: int, rate: float | None, unknown: float, chance: float
    ) -> None:
        self.assertTrue(1.0 <= retry_after_seconds(position, rate, unknown, chance) <= 60.0)
