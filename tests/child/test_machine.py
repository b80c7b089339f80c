"""Law 8: never two children in one slot, none orphaned, back-off monotone and capped."""

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.restart import RestartPolicy, Supervision
from tests.support.fake_process import FakeProcess, ProcessBehaviour, ProcessReactor
from tests.support.supervisor_harness import SupervisorHarness

POLICY = RestartPolicy(backoff_reset_seconds=1e9, limit=6, window_seconds=300)
LIVING = {"Stopped": 0, "Starting": 1, "Up": 1, "Killing": 1, "BackingOff": 0, "Down": 0, "Stopping": 1}
TIMERS = {"Stopped": 0, "Starting": 1, "Up": 0, "Killing": 0, "BackingOff": 1, "Down": 1, "Stopping": 1}


class DelayRecorder(ProcessReactor):
    """Records the restart delays of a series; the limit of restarts ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.delays: list[float] = []

    def callLater(self, delay: float, callable: object, *args: object, **kw: object) -> DelayedCall:
        name = getattr(callable, "__name__", "")
        if "SlotLifecycle.backoff_elapsed" in name:
            self.delays.append(delay)
        elif "SlotLifecycle.window_elapsed" in name:
            self.delays.clear()
        return super().callLater(delay, callable, *args, **kw)


class SlotMachine(RuleBasedStateMachine):
    """All events of a slot, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.reactor = DelayRecorder()
        self.harness = SupervisorHarness(
            supervision=Supervision(handshake_seconds=10, grace_seconds=5, restart=POLICY), reactor=self.reactor
        )
        self.supervisor = self.harness.supervisor
        self.stops: list[Deferred[None]] = []

    @rule()
    def start(self) -> None:
        self.supervisor.startService()

    @rule()
    def stop(self) -> None:
        self.stops.append(self.supervisor.stopService())

    @rule(seconds=st.sampled_from([0, 0.01, 0.5, 1, 5, 10, 31, 301]))
    def time_passes(self, seconds: float) -> None:
        self.reactor.advance_stepwise(seconds)

    @precondition(lambda self: self.reactor.running_processes)
    @rule(code=st.integers(0, 2))
    def the_child_exits(self, code: int) -> None:
        self.reactor.running_processes[0].exit(code)

    @rule()
    def the_child_hangs(self) -> None:
        was_up = self.supervisor.up
        self.supervisor.child_hung("silent")
        assert not was_up or self.supervisor.state == "Killing"

    @precondition(lambda self: any(not handshake.called for handshake in self.harness.handshakes))
    @rule(good=st.booleans())
    def a_handshake_ends(self, good: bool) -> None:
        handshake = next(handshake for handshake in self.harness.handshakes if not handshake.called)
        if good:
            handshake.callback("hello")
        else:
            handshake.errback(ValueError("no"))

    @rule(
        behaviour=st.builds(ProcessBehaviour, st.booleans(), st.sampled_from([0, 0.1, 7, 20]), st.booleans()),
        error=st.sampled_from([None, None, FileNotFoundError(), PermissionError()]),
        chance=st.floats(0, 1),
    )
    def the_next_children_behave_otherwise(
        self, behaviour: ProcessBehaviour, error: OSError | None, chance: float
    ) -> None:
        self.reactor.behaviour, self.reactor.error, self.harness.chance = behaviour, error, chance

    @invariant()
    def the_number_of_children_matches_the_state(self) -> None:
        assert len(self.reactor.running_processes) == LIVING[self.supervisor.state], self.supervisor.state
        assert self.supervisor.pid == next((process.pid for process in self.reactor.running_processes), None)

    @invariant()
    def every_timer_belongs_to_the_state(self) -> None:
        calls = [call.func for call in self.reactor.getDelayedCalls()]
        ours = [call for call in calls if not isinstance(getattr(call, "__self__", None), FakeProcess)]
        state = self.supervisor.state
        assert len(ours) == TIMERS[state] or (state == "Stopping" and not ours)

    @invariant()
    def up_and_lost_are_reported_in_turn(self) -> None:
        told = [event[0] for event in self.harness.notifications]
        assert told == ["up", "lost"] * (len(told) // 2) + ["up"] * (len(told) % 2)
        assert not self.supervisor.up or told[-1] == "up"
        assert self.reactor.running_processes or told[-1:] != ["up"]

    @invariant()
    def a_stop_ends_exactly_when_the_child_has_exited(self) -> None:
        if self.supervisor.state == "Stopped":
            assert all(stop.called for stop in self.stops)
            assert not self.supervisor.running
        if self.supervisor.state == "Stopping" and not self.supervisor.running:
            assert not self.stops[-1].called

    @invariant()
    def delays_never_shrink_and_are_capped(self) -> None:
        delays = self.reactor.delays
        assert delays == sorted(delays)
        assert all(POLICY.initial_seconds <= delay <= POLICY.max_seconds for delay in delays)

    def teardown(self) -> None:
        """Stop the slot; nothing is left behind."""
        self.stop()
        self.reactor.advance_stepwise(100)
        assert self.supervisor.state == "Stopped"
        assert all(stop.called for stop in self.stops)
        assert not self.reactor.running_processes
        assert self.reactor.getDelayedCalls() == []


class LawTests(SynchronousTestCase):
    def test_a_slot_has_at_most_one_child_and_a_stop_leaves_nothing(self) -> None:
        run_state_machine_as_test(SlotMachine)
