"""Tests of the restart policy."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.restart import (
    RestartAfterBackoff,
    RestartAfterWindow,
    RestartDecision,
    RestartHistory,
    RestartPolicy,
    decide_after_exit,
)

POLICY = RestartPolicy(jitter=0)
FRACTIONS = st.floats(0, 1)
POLICIES = st.builds(
    RestartPolicy,
    initial_seconds=st.floats(0.001, 10),
    factor=st.floats(1, 10),
    max_seconds=st.floats(1, 1000),
    jitter=st.floats(0, 5),
    backoff_reset_seconds=st.just(30.0),
    limit=st.just(1000),
)


def exits_in_series(
    policy: RestartPolicy, exits: int, every_seconds: float = 0.0, chance: float = 0.0
) -> list[RestartDecision]:
    history, decisions = RestartHistory(), []
    for n in range(exits):
        history, decision = decide_after_exit(policy, history, n * every_seconds, 0.0, chance)
        decisions.append(decision)
    return decisions


class BackOffTests(SynchronousTestCase):
    def test_delays_double_from_half_a_second_to_thirty(self) -> None:
        seconds = [0.5, 1, 2, 4, 8, 16, 30, 30]
        self.assertEqual(exits_in_series(POLICY, 8), [RestartAfterBackoff(wait) for wait in seconds])

    def test_jitter_adds_up_to_a_fifth_within_the_cap(self) -> None:
        seconds = [0.6, 1.2, 2.4, 4.8, 9.6, 19.2, 30, 30]
        self.assertEqual(
            exits_in_series(RestartPolicy(), 8, chance=1.0), [RestartAfterBackoff(wait) for wait in seconds]
        )

    def test_a_child_that_was_up_long_enough_ends_the_exits_in_series(self) -> None:
        history, _ = decide_after_exit(POLICY, RestartHistory(step_seconds=8, waited_seconds=9), 0, 29.9, 0)
        self.assertEqual(history.step_seconds, 16)
        self.assertEqual(decide_after_exit(POLICY, history, 100, 30, 0)[1], RestartAfterBackoff(0.5))

    def test_a_series_of_thousands_does_not_overflow(self) -> None:
        history = RestartHistory()
        for n in range(3000):
            history, decision = decide_after_exit(POLICY, history, n * 1000.0, 0.0, 0.0)
        self.assertEqual(decision, RestartAfterBackoff(30))

    def test_a_jitter_wider_than_the_factor_does_not_shrink_a_delay(self) -> None:
        policy, history = RestartPolicy(factor=1.1, jitter=0.5), RestartHistory()
        waits = []
        for chance in (1.0, 0.0, 0.0, 1.0):
            history, decision = decide_after_exit(policy, history, 0.0, 0.0, chance)
            waits.append(decision)
        self.assertEqual(waits[:3], [RestartAfterBackoff(0.75)] * 3)
        self.assertNotEqual(waits[3], RestartAfterBackoff(0.75))

    @given(POLICIES, st.lists(FRACTIONS, min_size=1, max_size=30))
    def test_delays_of_a_series_never_shrink_and_never_exceed_the_cap(
        self, policy: RestartPolicy, chances: list[float]
    ) -> None:
        history, waits = RestartHistory(), []
        for chance in chances:
            history, decision = decide_after_exit(policy, history, 0.0, 0.0, chance)
            assert isinstance(decision, RestartAfterBackoff)
            waits.append(decision.seconds)
        self.assertEqual(waits, sorted(waits))
        self.assertLessEqual(max(waits), policy.max_seconds)
        self.assertGreaterEqual(waits[0], min(policy.initial_seconds, policy.max_seconds))


class LimitTests(SynchronousTestCase):
    LIMITED = RestartPolicy(limit=3, window_seconds=10)

    def test_the_exit_after_the_last_allowed_restart_gives_up(self) -> None:
        decisions = exits_in_series(self.LIMITED, 5)
        self.assertEqual(
            [type(decision) for decision in decisions],
            [RestartAfterBackoff, RestartAfterBackoff, RestartAfterBackoff, RestartAfterWindow, RestartAfterWindow],
        )

    def test_restarts_before_the_window_do_not_count(self) -> None:
        decisions = exits_in_series(self.LIMITED, 20, every_seconds=10 / 3 + 0.01)
        self.assertNotIn(RestartAfterWindow(), decisions)

    def test_restarts_of_stable_children_count_too(self) -> None:
        history = RestartHistory(restarts=(1.0, 2.0, 3.0))
        self.assertEqual(decide_after_exit(self.LIMITED, history, 4.0, 99.0, 0.0)[1], RestartAfterWindow())

    def test_restarts_are_allowed_again_after_the_window(self) -> None:
        history = RestartHistory(restarts=(1.0, 2.0, 3.0))
        self.assertEqual(decide_after_exit(self.LIMITED, history, 11.0, 0.0, 0.0)[1], RestartAfterBackoff(0.5))

    @given(st.lists(st.floats(0, 20), max_size=60), st.integers(0, 5))
    def test_no_window_holds_more_restarts_than_the_limit(self, gaps: list[float], limit: int) -> None:
        policy = RestartPolicy(limit=limit, window_seconds=10)
        history, now, granted = RestartHistory(), 0.0, []
        for gap in gaps:
            now += gap
            history, decision = decide_after_exit(policy, history, now, 0.0, 0.0)
            if isinstance(decision, RestartAfterBackoff):
                granted.append(now)
        for start in granted:
            self.assertLessEqual(sum(start <= at < start + 10 for at in granted), limit)
        self.assertLessEqual(len(history.restarts), limit)
