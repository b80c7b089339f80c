"""Tests of codexd.routing.tool_filter."""

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from codexd.routing.tool_filter import SLICE_CHARACTERS, ToolTextFilter
from codexd.tools.call_limits import CallLimits
from codexd.tools.converters import TextToCalls
from tests.routing.test_fallback import EventRecorder
from tests.routing.test_tool_backends import CALL, TURN
from tests.support.contexts import context
from tests.support.fake_backend import FakeBackend, FakeTurn, text_answer


class BrokenConverter(TextToCalls):
    """Raises for every event but the first."""

    def feed(self, event: e.Event) -> list[e.Event]:
        if not isinstance(event, e.Began):
            raise ValueError("broken")
        return [event]


class ToolTextFilterTests(SynchronousTestCase):
    def begin(self, converter: Callable[..., TextToCalls], **limits: object) -> FakeTurn:
        self.sink, self.counted = EventRecorder(), list[str]()
        built = converter(TURN, "abc", CallLimits(**limits))  # type: ignore[arg-type]
        self.filter = ToolTextFilter(TURN, built, self.sink, self.counted.append, "req_1")
        backend = FakeBackend()
        self.filter.handle = backend.begin(TURN, context(), self.filter)
        return backend.turns[0]

    def test_an_exception_in_the_converter_fails_only_this_response(self) -> None:
        model = self.begin(BrokenConverter)
        with capturedLogs() as logged:
            model.emit(*text_answer())
        self.assertEqual([event["id"] for event in logged], ["req_1"])
        self.assertEqual(self.sink.events, [e.Began(), e.Failed(fault("internal"))])
        self.assertEqual((self.counted, self.sink.settle_count), (["internal_error"], 1))

    def test_a_model_that_is_still_running_then_is_cancelled(self) -> None:
        model = self.begin(BrokenConverter)
        model.emit(*text_answer()[:2])
        self.assertEqual(model.actions, ["cancel"])
        model.emit(*text_answer()[2:])
        self.assertEqual(self.sink.events, [e.Began(), e.Failed(fault("internal"))])

    def test_a_failure_after_a_complete_response_is_dropped_and_the_usage_estimated(self) -> None:
        model = self.begin(TextToCalls, stop_after="first")
        model.emit(e.Began(), *CALL, e.Failed(fault("stream_cut")))
        reply = fold(self.sink.events)
        self.assertEqual((reply.finish, reply.fault), ("tool_calls", None))
        assert reply.usage is not None
        self.assertTrue(reply.usage.estimated)
        self.assertEqual(model.actions, [], "it has ended by itself")


class LongDeltaTests(SynchronousTestCase):
    """A long delta is converted in slices, between which the reactor serves others."""

    BLOCK = "<use_tool><name>find</name><query>R&amp;D</query></use_tool> "

    def begin(self) -> None:
        self.clock, self.sink = Clock(), EventRecorder()
        built = TextToCalls(TURN, "abc")
        self.filter = ToolTextFilter(TURN, built, self.sink, lambda _: None, "req_1", self.clock)
        backend = FakeBackend()
        self.filter.handle = backend.begin(TURN, context(), self.filter)
        self.model = backend.turns[0]

    def events(self, text: str) -> tuple[e.Event, ...]:
        return (
            e.Began(),
            e.MessageOpened(0, "msg_1"),
            e.TextDelta(0, text, '[{"token":"a"}]'),
            e.MessageClosed(0),
            e.Ended("stop"),
        )

    def step(self) -> bool:
        """Run one reactor iteration: what it schedules runs in the next one. Return whether it had anything to do."""
        (calls, self.clock.calls) = (self.clock.calls, [])
        for call in calls:
            call.called = 1
            call.func(*call.args)
        return bool(calls)

    def steps(self) -> int:
        steps = 0
        while self.step():
            steps += 1
        return steps

    def test_the_result_is_the_same(self) -> None:
        for text in ("a" * 100_000, "<use_tool>" * 9_000, "x " + self.BLOCK * 900, self.BLOCK * 900 + "y" * 40_000):
            whole = EventRecorder()
            at_once = ToolTextFilter(TURN, TextToCalls(TURN, "abc"), whole, lambda _: None, "req_1")
            for event in self.events(text):
                at_once.receive(event)
            self.begin()
            self.model.emit(*self.events(text))
            self.assertEqual(self.steps(), len(text) // SLICE_CHARACTERS + 1)
            self.assertEqual(fold(self.sink.events), fold(whole.events))
            self.assertEqual(self.model.actions, ["pause"], "it has ended by itself")

    def test_a_delta_of_the_size_of_a_slice_is_passed_on_at_once(self) -> None:
        self.begin()
        self.model.emit(*self.events("a" * SLICE_CHARACTERS))
        self.assertEqual((self.steps(), self.model.actions), (0, []))
        self.assertIsInstance(self.sink.events[-1], e.Ended)

    def test_a_slow_client_pauses_the_slices(self) -> None:
        self.begin()
        self.model.emit(*self.events("a" * 100_000)[:3])
        self.step()
        self.filter.pause()
        before = len(self.sink.events)
        self.assertEqual((self.steps(), len(self.sink.events)), (0, before))
        self.filter.resume()
        self.assertGreater(self.steps(), 0)
        self.assertEqual(self.model.actions, ["pause", "resume"])

    def test_a_client_that_is_still_slow_at_their_end_keeps_the_model_paused(self) -> None:
        self.begin()
        self.model.emit(*self.events("a" * 2 * SLICE_CHARACTERS)[:3])
        self.step()
        self.filter.pause()
        self.filter.resume()
        self.step()
        self.filter.pause()
        self.assertEqual(self.model.actions, ["pause", "resume", "pause"])

    def test_cancelling_drops_what_waits(self) -> None:
        self.begin()
        self.model.emit(*self.events("a" * 100_000)[:3])
        self.filter.cancel()
        self.assertEqual((self.steps(), self.model.actions), (0, ["pause", "cancel"]))
