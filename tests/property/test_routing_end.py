"""Law 6 between fronts and back ends: fallbacks and joints, whatever happens in whatever order.

Back ends refuse, fail inside `begin` and later, answer at once or piece by piece; the client holds, releases
and leaves. It hears one end, or none once it has left; what was heard is flushed; and no model works on.
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

from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, Refused, fault
from codexd.neutral.turn import Turn
from codexd.routing.joints import Jointed
from codexd.routing.switchboard import Line, Switchboard
from codexd.settings import Model, Tools
from tests.support.backend import USAGE, FakeBackend, FakeTurn, hello, message
from tests.support.blocks import FIND, FOUND, TOOL, answer
from tests.support.upstream import Hearing

PLAIN = Turn("one", ())
TURNS = (PLAIN, evolve(PLAIN, tools=(TOOL,)), evolve(PLAIN, tools=(TOOL,), calls_as_text=True))
ALIASES = {
    "one": Model("one", upstream="a", fallback=("two", "three")),
    "two": Model("two", upstream="b"),
    "three": Model("three", upstream="c"),
}
CALL = (e.CallOpened(0, "fc", "c", "find"), e.CallDelta(0, FOUND), e.CallClosed(0))
SPOKEN: tuple[tuple[e.Event, ...], ...] = (
    hello(),
    tuple(answer("Look: ", *FIND, " and ", FIND, " so")),
    (e.Began(), *CALL, *message("so", index=1), e.UsageReported(USAGE), e.Ended("tool_calls")),
    (e.Began(), e.Ended("length")),
)
FAILURES = st.sampled_from(("not_ready", "overloaded", "rate_limited", "invalid_prompt")).map(fault)


@frozen
class Plan:
    """What a back end does when it is asked: refuse, or say a script, some of it inside `begin`."""

    refusal: Fault | None = None
    script: tuple[e.Event, ...] = SPOKEN[0]
    early: int = 0


EARLY = st.sampled_from((0, 0, 1, 2, 100))
AT_ONCE = st.builds(lambda why, early: Plan(None, (e.Failed(why),), early), FAILURES, st.integers(0, 1))
LATER = st.builds(
    lambda script, size, why, early: Plan(None, (*script[:-1][:size], e.Failed(why)), early),
    st.sampled_from(SPOKEN),
    st.sampled_from((1, 3, 8)),
    FAILURES,
    EARLY,
)
WELL = st.builds(Plan, st.none(), st.sampled_from(SPOKEN), EARLY)
PLANS = st.one_of(AT_ONCE, AT_ONCE, st.builds(Plan, FAILURES), LATER, WELL)


@implementer(IModelBackend)
class Stage(FakeBackend):
    """Does what is planned.

    Attributes:
        plan: for the next answer.
        left: what those that were begun have still to say.
        owed: those that have said something and not flushed it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan()
        self.left: dict[FakeTurn, list[e.Event]] = {}
        self.owed: list[FakeTurn] = []

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        plan = self.plan
        self.refusals, self.at_once = [plan.refusal], plan.script[: plan.early]
        begun = super().begin(turn, sink)
        assert isinstance(begun, FakeTurn)
        self.left[begun] = list(plan.script[plan.early :])
        return begun

    def say(self, turn: FakeTurn, size: int) -> None:
        said = self.left[turn][:size]
        del self.left[turn][:size]
        self.owed.append(turn)
        turn.say(*said)

    def flush(self) -> None:
        while self.owed:
            self.owed.pop().sink.flush()

    def working(self) -> list[FakeTurn]:
        return [turn for turn in self.turns if self.left[turn] and not turn.cancelled]


class RoutingMachine(RuleBasedStateMachine):
    """One client's answers, one after the other."""

    @initialize(
        tools=st.builds(
            Tools,
            stop_after=st.sampled_from(("never", "burst", "first")),
            block_max=st.integers(0, 2),
            suppress_tail=st.booleans(),
        )
    )
    def start(self, tools: Tools) -> None:
        self.stages = [Stage() for _ in "abc"]
        lines = [Line(name, stage) for name, stage in zip("abc", self.stages, strict=True)]
        self.backend = Jointed(Switchboard(lines, ALIASES, lambda _: None), tools, lambda _: None)
        self.handle: ITurnHandle | None = None
        self.hearing = Hearing()
        self.held = self.left = False
        self.heard = 0

    # Back ends.

    @rule(size=st.sampled_from((1, 1, 2, 5, 100)), flushed=st.sampled_from((True, True, False)))
    def speak(self, size: int, flushed: bool) -> None:
        for stage in self.stages:
            for turn in stage.working():
                stage.say(turn, size)
        if flushed:
            self.flush()

    @rule()
    def flush(self) -> None:
        for stage in self.stages:
            stage.flush()

    # The client.

    @precondition(lambda self: not self.open)
    @rule(turn=st.sampled_from(TURNS), plans=st.tuples(PLANS, PLANS, PLANS))
    def ask(self, turn: Turn, plans: tuple[Plan, Plan, Plan]) -> None:
        self.flush()
        for stage, plan in zip(self.stages, plans, strict=True):
            stage.plan = plan
        self.hearing, self.handle = Hearing(), None
        self.held = self.left = False
        try:
            self.handle = self.backend.begin(turn, self.hearing)
        except Refused:
            assert self.hearing.events == [], "a refusal is all there is"
        self.hearing.flush()  # whoever begins an answer flushes what it said at once

    @precondition(lambda self: self.open)
    @rule(act=st.sampled_from(("hold", "hold", "release", "cancel")))
    def act(self, act: str) -> None:
        assert self.handle is not None
        getattr(self.handle, act)()
        self.held = {"hold": True, "release": False}.get(act, self.held)
        self.left = act == "cancel"
        self.heard = len(self.hearing.events)

    # What always holds; that it is one sentence, with nothing after its end, is seen as it is heard.

    @property
    def open(self) -> bool:
        return self.handle is not None and not self.left and not self.hearing.over

    @invariant()
    def nothing_is_heard_by_who_has_left(self) -> None:
        assert not self.left or len(self.hearing.events) == self.heard

    @invariant()
    def one_model_works_for_an_open_answer_and_none_otherwise(self) -> None:
        if not self.owed:
            assert len(self.working) == self.open, self.working

    @invariant()
    def what_was_heard_is_flushed(self) -> None:
        assert self.owed or self.left or not self.hearing.unflushed

    @invariant()
    def whoever_works_is_held_as_the_client_says(self) -> None:
        for turn in self.working:
            held = [act for act in turn.asked if act in ("hold", "release")][-1:] == ["hold"]
            assert held == self.held, turn.asked

    @property
    def owed(self) -> bool:
        return any(stage.owed for stage in self.stages)

    @property
    def working(self) -> list[FakeTurn]:
        return [turn for stage in self.stages for turn in stage.working()]

    def teardown(self) -> None:
        for _ in range(4):
            self.speak(100, flushed=True)
        assert not self.working
        assert self.handle is None or self.hearing.over != self.left, "one end, or none after it was left"
        assert all(turn.asked.count("cancel") <= 1 for stage in self.stages for turn in stage.turns)


class RoutingEndTests(SynchronousTestCase):
    def test_whatever_happens_an_answer_ends_once_and_no_model_works_for_nobody(self) -> None:
        run_state_machine_as_test(
            RoutingMachine, settings=settings(max_examples=200, stateful_step_count=30, deadline=None)
        )
