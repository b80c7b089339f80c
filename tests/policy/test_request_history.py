from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.request_history import MINUTES, Durations, RequestHistory

SECONDS = st.floats(0.001, 1e5)


class DurationTests(SynchronousTestCase):
    @given(st.lists(SECONDS, min_size=1, max_size=50), st.sampled_from((0.01, 0.5, 0.95, 1.0)))
    def test_a_quantile_is_that_of_the_sorted_list_within_six_percent(self, values: list[float], share: float) -> None:
        durations = Durations()
        for value in values:
            durations.add(value)
        at = next(at for at in range(1, len(values) + 1) if at >= share * len(values))
        expected, found = sorted(values)[at - 1], durations.quantile(share)
        assert found is not None
        self.assertLess(abs(found / expected - 1), 0.061)

    @given(st.lists(st.floats(0, 1e9), max_size=200))
    def test_its_memory_does_not_grow_with_the_number(self, values: list[float]) -> None:
        durations = Durations()
        for value in values:
            durations.add(value)
        self.assertEqual((durations.total, sum(durations.counts.values())), (len(values), len(values)))
        self.assertTrue(all(0 <= step < 260 for step in durations.counts))

    def test_without_durations_there_is_no_quantile(self) -> None:
        self.assertIsNone(Durations().quantile(0.5))

    def test_all_of_others_are_added(self) -> None:
        one, two = Durations(), Durations()
        one.add(1.0)
        two.add(1.0)
        two.add(100.0)
        one.add_all(two)
        self.assertEqual((one.total, len(one.counts)), (3, 2))


class MinuteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.history = RequestHistory()

    def add(self, now: float, first: float | None = 0.5, is_refused: bool = False) -> None:
        self.history.add(now, seconds=1.0, first_event_seconds=first, is_refused=is_refused)

    def test_requests_are_counted_in_the_minute_in_which_they_end(self) -> None:
        self.add(59.9)
        self.add(60.0, first=None, is_refused=True)
        self.add(119.9)
        one, two = self.history.minutes(119.9)
        self.assertEqual((one.number, one.requests, one.refused, one.first_event.total), (0, 1, 0, 1))
        self.assertEqual((two.number, two.requests, two.refused, two.first_event.total), (1, 2, 1, 1))
        self.assertEqual(two.duration.total, 1)

    def test_a_request_that_is_counted_late_belongs_to_the_newest_minute(self) -> None:
        self.add(60.0)
        self.add(30.0)
        self.assertEqual([minute.requests for minute in self.history.minutes(60.0)], [2])

    def test_only_the_last_hours_are_kept(self) -> None:
        for minute in range(2 * MINUTES):
            self.add(60.0 * minute)
        self.assertEqual(len(self.history.minutes(60.0 * (2 * MINUTES - 1))), MINUTES)
        self.assertEqual(len(self.history.minutes(60.0 * (2 * MINUTES + 9))), MINUTES - 10)
        self.assertEqual(self.history.minutes(60.0 * 4 * MINUTES), ())
