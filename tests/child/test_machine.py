"""Law 8, life: never two children in one slot, none orphaned, back-off monotone and capped."""

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
from tests.support.process import FakeProcess, ProcessReactor, Temper
from tests.support.rig import Rig

POLICY = RestartPolicy(stable_seconds=1e9, limit=6, window_seconds=300)
LIVING = {"Stopped": 0, "Starting": 1, "Up": 1, "Killing": 1, "BackingOff": 0, "Down": 0, "Stopping": 1}
TIMERS = {"Stopped": 0, "Starting": 1, "Up": 0, "Killing": 0, "BackingOff": 1, "Down": 1, "Stopping": 1}


class WaitRecorder(ProcessReactor):
    """Writes down the waits of a streak; giving up ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def callLater(self, delay: float, callable: object, *args: object, **kw: object) -> DelayedCall:
        name = getattr(callable, "__name__", "")
        if "Life.retry" in name:
            self.waits.append(delay)
        elif "Life.awaken" in name:
            self.waits.clear()
        return super().callLater(delay, callable, *args, **kw)


class LifeMachine(RuleBasedStateMachine):
    """Everything that can happen to a slot, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.reactor = WaitRecorder()
        self.rig = Rig(Supervision(handshake_seconds=10, grace_seconds=5, restart=POLICY), self.reactor)
        self.supervisor = self.rig.supervisor
        self.stops: list[Deferred[None]] = []

    @rule()
    def start(self) -> None:
        self.supervisor.startService()

    @rule()
    def stop(self) -> None:
        self.stops.append(self.supervisor.stopService())

    @rule()
    def awaken(self) -> None:
        self.supervisor.awaken()

    @rule(seconds=st.sampled_from([0, 0.01, 0.5, 1, 5, 10, 31, 301]))
    def time_passes(self, seconds: float) -> None:
        self.reactor.live(seconds)

    @precondition(lambda self: self.reactor.living)
    @rule(code=st.integers(0, 2))
    def the_child_exits(self, code: int) -> None:
        self.reactor.living[0].exit(code)

    @precondition(lambda self: any(not handshake.called for handshake in self.rig.handshakes))
    @rule(good=st.booleans())
    def a_handshake_ends(self, good: bool) -> None:
        handshake = next(handshake for handshake in self.rig.handshakes if not handshake.called)
        if good:
            handshake.callback("hello")
        else:
            handshake.errback(ValueError("no"))

    @rule(
        temper=st.builds(Temper, st.booleans(), st.sampled_from([0, 0.1, 7, 20]), st.booleans()),
        error=st.sampled_from([None, None, FileNotFoundError(), PermissionError()]),
        chance=st.floats(0, 1),
    )
    def the_next_children_are_of_another_kind(
        self, temper: Temper, error: OSError | None, chance: float
    ) -> None:
        self.reactor.temper, self.reactor.error, self.rig.chance = temper, error, chance

    @invariant()
    def there_is_one_child_or_none_as_the_state_says(self) -> None:
        assert len(self.reactor.living) == LIVING[self.supervisor.state], self.supervisor.state
        assert self.supervisor.pid == next((process.pid for process in self.reactor.living), None)

    @invariant()
    def every_timer_belongs_to_the_state(self) -> None:
        calls = [call.func for call in self.reactor.getDelayedCalls()]
        ours = [call for call in calls if not isinstance(getattr(call, "__self__", None), FakeProcess)]
        state = self.supervisor.state
        assert len(ours) == TIMERS[state] or (state == "Stopping" and not ours)

    @invariant()
    def listeners_hear_up_and_lost_in_turn(self) -> None:
        told = [event[0] for event in self.rig.told]
        assert told == ["up", "lost"] * (len(told) // 2) + ["up"] * (len(told) % 2)
        assert not self.supervisor.up or told[-1] == "up"
        assert self.reactor.living or told[-1:] != ["up"]

    @invariant()
    def a_stop_is_told_when_the_child_is_gone_and_not_before(self) -> None:
        if self.supervisor.state == "Stopped":
            assert all(stop.called for stop in self.stops)
            assert not self.supervisor.running
        if self.supervisor.state == "Stopping" and not self.supervisor.running:
            assert not self.stops[-1].called

    @invariant()
    def waits_never_shrink_and_are_capped(self) -> None:
        waits = self.reactor.waits
        assert waits == sorted(waits)
        assert all(POLICY.first_seconds <= wait <= POLICY.cap_seconds for wait in waits)

    def teardown(self) -> None:
        """However it went, a stop ends it, with nothing left behind."""
        self.stop()
        self.reactor.live(100)
        assert self.supervisor.state == "Stopped"
        assert all(stop.called for stop in self.stops)
        assert not self.reactor.living
        assert self.reactor.getDelayedCalls() == []


class LawTests(SynchronousTestCase):
    def test_whatever_happens_there_is_one_child_or_none_and_a_stop_leaves_nothing(self) -> None:
        run_state_machine_as_test(LifeMachine)
