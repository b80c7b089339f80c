"""Tests of the circuit breaker."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import kinds
from codexd.policy.breaker import (
    FAILURE_KINDS,
    BreakerPolicy,
    Circuit,
    Permit,
    ProviderOutcome,
    acquire,
    classify,
    release,
    remaining_seconds,
)

POLICY = BreakerPolicy(failures=3, open_seconds=10.0)
CLOSED = Circuit()
OUTCOMES: tuple[ProviderOutcome, ...] = ("success", "failure", "unknown")


def after(*outcomes: ProviderOutcome, circuit: Circuit = CLOSED, now: float = 0.0) -> Circuit:
    for one in outcomes:
        circuit, permit = acquire(POLICY, circuit, now)
        assert permit is not None
        circuit = release(POLICY, circuit, permit, one, now)
    return circuit


class BreakerTests(SynchronousTestCase):
    def test_consecutive_failures_open_the_circuit(self) -> None:
        self.assertIsNone(after("failure", "failure").opened_at)
        self.assertEqual(after("failure", "failure", "failure", now=7.0).opened_at, 7.0)

    def test_a_success_resets_the_count(self) -> None:
        self.assertEqual(after("failure", "failure", "success"), Circuit())

    def test_an_unknown_outcome_changes_nothing(self) -> None:
        self.assertEqual(after("failure", "unknown"), after("failure"))

    def test_an_open_circuit_rejects_requests_until_its_time_is_over(self) -> None:
        circuit = after("failure", "failure", "failure")
        self.assertEqual(acquire(POLICY, circuit, 9.9), (circuit, None))
        self.assertAlmostEqual(remaining_seconds(POLICY, circuit, 9.0), 1.0)
        self.assertEqual(acquire(POLICY, circuit, 10.0)[1], Permit(probe=True))

    def test_a_half_open_circuit_permits_one_probe(self) -> None:
        circuit, _ = acquire(POLICY, after("failure", "failure", "failure"), 10.0)
        self.assertIsNone(acquire(POLICY, circuit, 99.0)[1])
        self.assertGreater(remaining_seconds(POLICY, circuit, 99.0), 0)

    def test_a_successful_probe_closes_the_circuit_and_a_failed_one_opens_it_again(self) -> None:
        circuit = after("failure", "failure", "failure")
        self.assertEqual(after("success", circuit=circuit, now=10.0), Circuit())
        self.assertEqual(after("failure", circuit=circuit, now=10.0).opened_at, 10.0)

    def test_an_abandoned_probe_permits_another(self) -> None:
        circuit = after("unknown", circuit=after("failure", "failure", "failure"), now=10.0)
        self.assertEqual(acquire(POLICY, circuit, 10.0)[1], Permit(probe=True))

    def test_requests_from_before_the_opening_do_not_change_it(self) -> None:
        circuit = after("failure", "failure", "failure")
        for one in OUTCOMES:
            self.assertEqual(release(POLICY, circuit, Permit(), one, 5.0), circuit)

    @given(st.lists(st.tuples(st.floats(0, 8), st.sampled_from(("acquire", *OUTCOMES)), st.integers(0, 9))))
    def test_there_is_at_most_one_probe_and_the_circuit_never_stays_open(
        self, moves: list[tuple[float, str, int]]
    ) -> None:
        circuit, now, out = Circuit(), 0.0, []
        for seconds, move, which in moves:
            now += seconds
            if move == "acquire":
                circuit, permit = acquire(POLICY, circuit, now)
                out += [] if permit is None else [permit]
            elif out:
                circuit = release(POLICY, circuit, out.pop(which % len(out)), move, now)  # type: ignore[arg-type]
            self.assertLessEqual(sum(permit.probe for permit in out), 1)
            self.assertEqual(circuit.probing, any(permit.probe for permit in out))
            later = acquire(POLICY, circuit, now + POLICY.open_seconds)[1]
            self.assertTrue(circuit.probing or later is not None)


class OutcomeTests(SynchronousTestCase):
    def test_only_faults_of_the_provider_are_failures(self) -> None:
        self.assertEqual(classify(None), "success")
        for kind in kinds():
            self.assertEqual(classify(kind), "failure" if kind in FAILURE_KINDS else "unknown")
        self.assertTrue(frozenset(kinds()) >= FAILURE_KINDS)
