"""Tests of codexd.routing.tool_filter."""

from collections.abc import Callable

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from codexd.routing.tool_filter import ToolTextFilter
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
