"""When a turn of Codex is started again."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import fault, kinds
from codexd.policy.retry import RetryPolicy
from codexd.policy.turn_retry import Attempts, Failure, TurnRetryPolicy, delay_seconds

POLICY = TurnRetryPolicy(backoff=RetryPolicy(limit=3, initial_seconds=1.0), total_seconds=20.0)


def failure(kind: str, child_restarts: bool = True, ran_tools: bool = False) -> Failure:
    return Failure(fault=fault(kind), child_restarts=child_restarts, ran_tools=ran_tools)


class TurnRetryTests(SynchronousTestCase):
    def delays(
        self, *failures: Failure, deadline: float | None = None, policy: TurnRetryPolicy = POLICY
    ) -> list[float]:
        """Return the delays after attempts that fail at once, one after the other, up to the last one."""
        attempts, now, delays = Attempts(100.0), 100.0, list[float]()
        for failed in failures:
            delay = delay_seconds(policy, attempts, failed, now, deadline, 0.0)
            if delay is None:
                break
            attempts, now = attempts.after(failed.fault), now + delay
            delays.append(delay)
        return delays

    def test_failures_of_the_provider_and_of_a_child_are_retried_and_no_others(self) -> None:
        retried = {kind for kind in kinds() if self.delays(failure(kind))}
        self.assertEqual(retried, {"child_died", "child_hung", "model_failed", "not_ready", "overloaded", "stream_cut"})

    def test_the_delays_grow_up_to_the_limit(self) -> None:
        self.assertEqual(self.delays(*[failure("overloaded")] * 9), [1.0, 2.0, 4.0])
        self.assertEqual(delay_seconds(POLICY, Attempts(0.0), failure("overloaded"), 0.0, None, 1.0), 0.75)

    def test_a_turn_that_may_end_children_is_started_again_once(self) -> None:
        self.assertEqual(self.delays(failure("child_died"), failure("child_hung")), [1.0])
        self.assertEqual(self.delays(failure("child_died"), failure("overloaded"), failure("child_died")), [1.0, 2.0])

    def test_it_waits_for_a_child_that_restarts_and_for_no_other(self) -> None:
        died = failure("child_died")
        self.assertEqual(self.delays(died, *[failure("not_ready")] * 30), [1.0] * 19)
        self.assertEqual(self.delays(failure("not_ready", child_restarts=False)), [])
        self.assertEqual(self.delays(failure("busy")), [])
        self.assertEqual(self.delays(died, failure("busy"), failure("busy")), [1.0] * 3)
        self.assertEqual(self.delays(failure("not_ready"), failure("busy"), failure("busy")), [1.0] * 3)

    def test_tools_that_may_have_run_are_not_run_again(self) -> None:
        for kind in ("child_died", "child_hung", "model_failed", "overloaded", "stream_cut"):
            self.assertEqual(self.delays(failure(kind, ran_tools=True)), [], kind)
        self.assertEqual(self.delays(failure("not_ready", ran_tools=True)), [1.0])

    def test_no_attempt_starts_after_the_deadline_or_the_total_time(self) -> None:
        failures = [failure("overloaded")] * 3
        self.assertEqual(self.delays(*failures, deadline=103.0), [1.0])
        self.assertEqual(self.delays(*failures, policy=evolve(POLICY, total_seconds=3.5)), [1.0, 2.0])

    def test_without_retries_nothing_is_waited_for(self) -> None:
        policy = evolve(POLICY, backoff=RetryPolicy(limit=0))
        for kind in ("child_died", "not_ready", "overloaded"):
            self.assertEqual(self.delays(failure(kind), policy=policy), [], kind)
