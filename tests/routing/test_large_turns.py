"""Tests of codexd.routing.large_turns."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import Message, TextPart, Turn
from codexd.routing.large_turns import LargeTurnBackend
from tests.routing.test_fallback import EventRecorder
from tests.support.contexts import context
from tests.support.fake_backend import FakeBackend, text_answer

TURN = Turn(model="m", items=(Message(role="user", parts=(TextPart("hi"),)),), ignored=("x",))
LARGE = evolve(context(), is_large=True)


class Preparable(FakeBackend):
    """A fake back end that prepares its turns."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[Any] = []
        self.refusal: FaultError | None = None

    def prepare(self, turn: Turn) -> str:
        return f"prepared {turn.model}"

    def begin_prepared(self, turn: Turn, context: Any, sink: Any, prepared: Any) -> ITurnHandle:
        self.prepared.append(prepared)
        return self.begin(turn, context, sink)

    def check(self, turn: Turn) -> None:
        if self.refusal is not None:
            raise self.refusal


class LargeTurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model, self.sink, self.counted = Preparable(), EventRecorder(), list[str]()
        self.thread: Deferred[Any] = Deferred()
        self.backend = LargeTurnBackend(self.model, self.in_thread, self.counted.append)

    def in_thread(self, work: Any) -> "Deferred[Any]":
        return self.thread.addCallback(lambda _: work())

    def begin(self) -> ITurnHandle:
        return self.backend.begin(TURN, LARGE, self.sink)

    def test_it_is_a_back_end(self) -> None:
        verifyObject(IModelBackend, self.backend)
        verifyObject(ITurnHandle, self.begin())
        self.assertEqual((self.backend.models(), self.backend.ready()), (self.model.models(), self.model.ready()))

    def test_a_small_turn_begins_at_once(self) -> None:
        self.backend.begin(TURN, context(), self.sink)
        self.assertEqual((len(self.model.turns), self.model.prepared), (1, []))

    def test_a_large_one_once_it_is_prepared(self) -> None:
        handle = self.begin()
        self.assertEqual((self.model.turns, tuple(handle.ignored)), ([], ("x",)))
        self.thread.callback(None)
        self.assertEqual((len(self.model.turns), self.model.prepared), (1, ["prepared m"]))
        self.model.turns[0].emit(*text_answer())
        self.assertEqual(self.sink.events, [*text_answer()])

    def test_a_cancellation_drops_the_preparation_and_is_no_failure(self) -> None:
        handle = self.begin()
        handle.cancel()
        handle.cancel()
        self.assertEqual((self.thread.called, self.sink.events, self.counted), (True, [], []))

    def test_it_can_be_cancelled_before_and_after(self) -> None:
        self.begin().cancel()
        self.thread.callback(None)
        self.assertEqual((self.model.turns, self.sink.events), ([], []))
        handle = self.begin()
        handle.cancel()
        self.assertEqual([one.actions for one in self.model.turns], [["cancel"]])

    def test_a_pause_before_is_applied_to_the_turn(self) -> None:
        self.begin().pause()
        self.thread.callback(None)
        self.assertEqual(self.model.turns[0].actions, ["pause"])

    def test_what_the_back_end_refuses_at_once_is_not_prepared(self) -> None:
        self.model.refusal = FaultError(fault("busy"))
        self.assertRaises(FaultError, self.begin)

    def test_a_refusal_in_the_thread_ends_the_turn(self) -> None:
        self.thread = fail(FaultError(fault("unsupported", "no")))
        self.begin()
        self.assertEqual(self.sink.events, [e.Failed(fault("unsupported", "no"))])
        self.assertEqual(self.sink.settle_count, 1)

    def test_an_unexpected_exception_ends_only_this_turn(self) -> None:
        self.thread = fail(ValueError("broken"))
        with capturedLogs():
            self.begin()
        self.assertEqual((self.sink.events, self.counted), ([e.Failed(fault("internal"))], ["internal_error"]))
