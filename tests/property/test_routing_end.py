"""Law 6 (one end) for routing: fallbacks and the conversion of tool calls, in any order of events.

Back ends refuse, fail inside `begin` or later, and answer at once or step by step; the client pauses,
resumes and cancels. It receives one end, or none after it cancelled; every event is settled; and no model
is left running.
"""

from attrs import evolve, frozen
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.turn import Turn
from codexd.routing.router import BackendEntry, ModelRouter
from codexd.routing.tool_backends import ToolTextBackend
from codexd.settings import ModelAlias, Tools
from tests.support.contexts import context
from tests.support.fake_backend import USAGE, FakeBackend, FakeTurn, message, text_answer
from tests.support.recording_sink import RecordingSink
from tests.support.tool_blocks import FIND_ARGUMENTS, FIND_BLOCK, TOOL, answer

PLAIN = Turn(model="one", items=())
TURNS = (PLAIN, evolve(PLAIN, tools=(TOOL,)), evolve(PLAIN, tools=(TOOL,), calls_as_text=True))
ALIASES = {
    "one": ModelAlias(name="one", upstream="a", fallback=("two", "three")),
    "two": ModelAlias(name="two", upstream="b"),
    "three": ModelAlias(name="three", upstream="c"),
}
CALL = (e.CallOpened(index=0, id="fc", call_id="c", name="find"), e.CallDelta(0, FIND_ARGUMENTS), e.CallClosed(0))
SCRIPTS: tuple[tuple[e.Event, ...], ...] = (
    text_answer(),
    tuple(answer("Look: ", *FIND_BLOCK, " and ", FIND_BLOCK, " so")),
    (e.Began(), *CALL, *message("so", index=1), e.UsageReported(USAGE), e.Ended("tool_calls")),
    (e.Began(), e.Ended("length")),
)
FAILURES = st.sampled_from(("not_ready", "overloaded", "rate_limited", "invalid_prompt")).map(fault)


@frozen
class Plan:
    """What a back end does in `begin`: refuse, or emit a script, its first `early` events at once."""

    refusal: Fault | None = None
    script: tuple[e.Event, ...] = SCRIPTS[0]
    early: int = 0


EARLY = st.sampled_from((0, 0, 1, 2, 100))
AT_ONCE = st.builds(lambda why, early: Plan(None, (e.Failed(why),), early), FAILURES, st.integers(0, 1))
LATER = st.builds(
    lambda script, size, why, early: Plan(None, (*script[:-1][:size], e.Failed(why)), early),
    st.sampled_from(SCRIPTS),
    st.sampled_from((1, 3, 8)),
    FAILURES,
    EARLY,
)
SUCCESSES = st.builds(Plan, st.none(), st.sampled_from(SCRIPTS), EARLY)
PLANS = st.one_of(AT_ONCE, AT_ONCE, st.builds(Plan, FAILURES), LATER, SUCCESSES)


@implementer(IModelBackend)
class PlannedBackend(FakeBackend):
    """Runs plans.

    Attributes:
        plan: of the next turn.
        remaining: the events that each turn has still to emit.
        unsettled: the turns that emitted events in this reactor iteration.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan()
        self.remaining: dict[FakeTurn, list[e.Event]] = {}
        self.unsettled: list[FakeTurn] = []

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        plan = self.plan
        self.begin_errors, self.immediate_events = [plan.refusal], plan.script[: plan.early]
        begun = super().begin(turn, context, sink)
        assert isinstance(begun, FakeTurn)
        self.remaining[begun] = list(plan.script[plan.early :])
        return begun

    def emit_next(self, turn: FakeTurn, size: int) -> None:
        said = self.remaining[turn][:size]
        del self.remaining[turn][:size]
        self.unsettled.append(turn)
        turn.emit_unsettled(*said)

    def settle(self) -> None:
        while self.unsettled:
            self.unsettled.pop().sink.settle()

    def running_turns(self) -> list[FakeTurn]:
        return [turn for turn in self.turns if self.remaining[turn] and not turn.cancelled]


class RoutingMachine(RuleBasedStateMachine):
    """The answers of one client, one after the other."""

    @initialize(
        tools=st.builds(
            Tools,
            stop_after=st.sampled_from(("never", "burst", "first")),
            max_calls=st.integers(0, 2),
            drop_trailing_text=st.booleans(),
        )
    )
    def start(self, tools: Tools) -> None:
        self.backends = [PlannedBackend() for _ in "abc"]
        lines = [BackendEntry(name=name, backend=backend) for name, backend in zip("abc", self.backends, strict=True)]
        self.routing = ToolTextBackend(ModelRouter(lines, ALIASES, lambda _: None), tools, lambda _: None)
        self.handle: ITurnHandle | None = None
        self.sink = RecordingSink(strict=False)
        self.paused = self.cancelled = False
        self.received = 0

    # Back ends.

    @rule(size=st.sampled_from((1, 1, 2, 5, 100)), settled=st.sampled_from((True, True, False)))
    def emit(self, size: int, settled: bool) -> None:
        for backend in self.backends:
            for turn in backend.running_turns():
                backend.emit_next(turn, size)
        if settled:
            self.settle()

    @rule()
    def settle(self) -> None:
        for backend in self.backends:
            backend.settle()

    # The client.

    @precondition(lambda self: not self.open)
    @rule(turn=st.sampled_from(TURNS), plans=st.tuples(PLANS, PLANS, PLANS))
    def ask(self, turn: Turn, plans: tuple[Plan, Plan, Plan]) -> None:
        self.settle()
        for backend, plan in zip(self.backends, plans, strict=True):
            backend.plan = plan
        self.sink, self.handle = RecordingSink(strict=False), None
        self.paused = self.cancelled = False
        try:
            self.handle = self.routing.begin(turn, context(), self.sink)
        except FaultError:
            assert self.sink.events == [], "no event after a refusal"
        self.sink.settle()  # the caller of `begin` settles the events emitted inside it

    @precondition(lambda self: self.open)
    @rule()
    def pause(self) -> None:
        assert self.handle is not None
        self.handle.pause()
        self.paused = True

    @precondition(lambda self: self.open)
    @rule()
    def resume(self) -> None:
        assert self.handle is not None
        self.handle.resume()
        self.paused = False

    @precondition(lambda self: self.open)
    @rule()
    def cancel(self) -> None:
        assert self.handle is not None
        self.handle.cancel()
        self.cancelled, self.received = True, len(self.sink.events)

    # Invariants. The sink checks each event against the grammar.

    @property
    def open(self) -> bool:
        return self.handle is not None and not self.cancelled and not self.sink.over

    @invariant()
    def no_event_after_cancel(self) -> None:
        assert not self.cancelled or len(self.sink.events) == self.received

    @invariant()
    def one_model_runs_for_an_open_answer_and_none_otherwise(self) -> None:
        if not self.unsettled:
            assert len(self.running_turns) == self.open, self.running_turns

    @invariant()
    def every_event_is_settled(self) -> None:
        assert self.unsettled or self.cancelled or not self.sink.unsettled

    @invariant()
    def the_running_model_is_paused_as_the_client_is(self) -> None:
        for turn in self.running_turns:
            paused = [action for action in turn.actions if action != "cancel"][-1:] == ["pause"]
            assert paused == self.paused, turn.actions

    @property
    def unsettled(self) -> bool:
        return any(backend.unsettled for backend in self.backends)

    @property
    def running_turns(self) -> list[FakeTurn]:
        return [turn for backend in self.backends for turn in backend.running_turns()]

    def teardown(self) -> None:
        for _ in range(4):
            self.emit(100, settled=True)
        assert not self.running_turns
        assert self.handle is None or self.sink.over != self.cancelled, "one end, or none after a cancel"
        assert all(turn.actions.count("cancel") <= 1 for backend in self.backends for turn in backend.turns)


class RoutingEndTests(SynchronousTestCase):
    def test_an_answer_ends_once_and_no_model_is_left_running_whatever_happens(self) -> None:
        run_state_machine_as_test(
            RoutingMachine, settings=settings(settings.get_profile("machines"), stateful_step_count=30)
        )
