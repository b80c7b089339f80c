"""The circuit breaker: closed, open, half open."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import kinds
from codexd.policy.breaker import (
    SUSPICIOUS,
    BreakerPolicy,
    Circuit,
    Outcome,
    Permit,
    ask,
    give_back,
    left_seconds,
    outcome,
)

POLICY = BreakerPolicy(failures=3, open_seconds=10.0)
CLOSED = Circuit()
OUTCOMES: tuple[Outcome, ...] = ("good", "bad", "unknown")


def after(*outcomes: Outcome, circuit: Circuit = CLOSED, now: float = 0.0) -> Circuit:
    for one in outcomes:
        circuit, permit = ask(POLICY, circuit, now)
        assert permit is not None
        circuit = give_back(POLICY, circuit, permit, one, now)
    return circuit


class BreakerTests(SynchronousTestCase):
    def test_failures_in_a_row_open_it(self) -> None:
        self.assertIsNone(after("bad", "bad").opened)
        self.assertEqual(after("bad", "bad", "bad", now=7.0).opened, 7.0)

    def test_a_success_between_them_does_not_let_it_open(self) -> None:
        self.assertEqual(after("bad", "bad", "good"), Circuit())

    def test_what_says_nothing_of_the_provider_changes_nothing(self) -> None:
        self.assertEqual(after("bad", "unknown"), after("bad"))

    def test_open_it_lets_nothing_through_until_its_time_is_up(self) -> None:
        circuit = after("bad", "bad", "bad")
        self.assertEqual(ask(POLICY, circuit, 9.9), (circuit, None))
        self.assertAlmostEqual(left_seconds(POLICY, circuit, 9.0), 1.0)
        self.assertEqual(ask(POLICY, circuit, 10.0)[1], Permit(probe=True))

    def test_half_open_it_lets_one_probe_through(self) -> None:
        circuit, _ = ask(POLICY, after("bad", "bad", "bad"), 10.0)
        self.assertIsNone(ask(POLICY, circuit, 99.0)[1])
        self.assertGreater(left_seconds(POLICY, circuit, 99.0), 0)

    def test_a_good_probe_closes_it_and_a_bad_one_opens_it_anew(self) -> None:
        circuit = after("bad", "bad", "bad")
        self.assertEqual(after("good", circuit=circuit, now=10.0), Circuit())
        self.assertEqual(after("bad", circuit=circuit, now=10.0).opened, 10.0)

    def test_a_probe_nobody_waited_for_makes_room_for_another(self) -> None:
        circuit = after("unknown", circuit=after("bad", "bad", "bad"), now=10.0)
        self.assertEqual(ask(POLICY, circuit, 10.0)[1], Permit(probe=True))

    def test_what_began_before_it_opened_moves_it_no_more(self) -> None:
        circuit = after("bad", "bad", "bad")
        for one in OUTCOMES:
            self.assertEqual(give_back(POLICY, circuit, Permit(), one, 5.0), circuit)

    @given(st.lists(st.tuples(st.floats(0, 8), st.sampled_from(("ask", *OUTCOMES)), st.integers(0, 9))))
    def test_never_are_two_probes_under_way_and_never_does_it_stay_open(
        self, moves: list[tuple[float, str, int]]
    ) -> None:
        circuit, now, out = Circuit(), 0.0, []
        for seconds, move, which in moves:
            now += seconds
            if move == "ask":
                circuit, permit = ask(POLICY, circuit, now)
                out += [] if permit is None else [permit]
            elif out:
                circuit = give_back(POLICY, circuit, out.pop(which % len(out)), move, now)  # type: ignore[arg-type]
            self.assertLessEqual(sum(permit.probe for permit in out), 1)
            self.assertEqual(circuit.probing, any(permit.probe for permit in out))
            later = ask(POLICY, circuit, now + POLICY.open_seconds)[1]
            self.assertTrue(circuit.probing or later is not None)


class OutcomeTests(SynchronousTestCase):
    def test_only_what_the_provider_did_is_held_against_it(self) -> None:
        self.assertEqual(outcome(None), "good")
        for kind in kinds():
            self.assertEqual(outcome(kind), "bad" if kind in SUSPICIOUS else "unknown")
        self.assertTrue(frozenset(kinds()) >= SUSPICIOUS)
