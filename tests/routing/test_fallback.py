"""Tests of codexd.routing.fallback."""

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import Turn
from codexd.routing.fallback import Attempt, BackendLoad, FallbackRunner
from tests.support.contexts import context
from tests.support.fake_backend import FakeBackend, text_answer

TURN = Turn(model="m", items=())
DOWN, WRONG = fault("not_ready"), fault("invalid_prompt")
UNKNOWN = fault("unknown_model", param="model")


@implementer(IEventSink)
class EventRecorder:
    """A sink that records the events and counts the ends of reactor iterations."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []
        self.settle_count = 0

    def receive(self, event: e.Event) -> None:
        self.events.append(event)

    def settle(self) -> None:
        self.settle_count += 1


class FallbackRunnerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.backends = FakeBackend(), FakeBackend(), FakeBackend()
        self.first, self.second, self.third = self.backends
        self.sink = EventRecorder()
        self.counted: list[str] = []
        attempts = tuple(Attempt(lambda sink, back=back: back.begin(TURN, context(), sink)) for back in self.backends)
        self.runner = FallbackRunner(attempts, self.sink, self.counted.append, "req_1")

    def begun_counts(self) -> list[int]:
        return [len(back.turns) for back in self.backends]

    def test_it_is_a_turn_handle(self) -> None:
        self.assertTrue(verifyObject(ITurnHandle, self.runner))

    def test_the_first_back_end_that_answers_is_the_only_one_tried(self) -> None:
        self.runner.begin()
        self.first.turns[0].emit(*text_answer())
        self.assertEqual(self.sink.events, list(text_answer()))
        self.assertEqual((self.begun_counts(), self.counted), ([1, 0, 0], []))

    def test_after_a_refusal_the_next_one_is_tried(self) -> None:
        self.first.begin_errors = [DOWN]
        self.runner.begin()
        self.second.turns[0].emit(*text_answer())
        self.assertEqual(self.sink.events, list(text_answer()))
        self.assertEqual((self.begun_counts(), self.counted), ([0, 1, 0], ["fallback_used"]))

    def test_after_a_failure_before_the_first_event_the_next_one_is_tried_at_the_end_of_the_reactor_turn(
        self,
    ) -> None:
        self.runner.begin()
        self.first.turns[0].emit_unsettled(e.Failed(DOWN))
        self.assertEqual(self.begun_counts(), [1, 0, 0])
        self.first.turns[0].sink.settle()
        self.assertEqual((self.begun_counts(), self.sink.events), ([1, 1, 0], []))
        self.second.turns[0].emit(*text_answer())
        self.assertEqual(self.sink.events, list(text_answer()))

    def test_after_a_failure_inside_begin_the_next_one_is_tried(self) -> None:
        self.first.immediate_events = (e.Failed(DOWN),)
        self.runner.begin()
        self.assertEqual((self.begun_counts(), self.sink.events), ([1, 1, 0], []))

    def test_a_failure_after_the_first_event_fails_the_response(self) -> None:
        self.runner.begin()
        self.first.turns[0].emit(e.Began(), e.Failed(DOWN))
        self.assertEqual(self.sink.events, [e.Began(), e.Failed(DOWN)])
        self.assertEqual(self.begun_counts(), [1, 0, 0])

    def test_an_invalid_request_is_not_tried_again(self) -> None:
        self.runner.begin()
        self.first.turns[0].emit(e.Failed(WRONG))
        self.assertEqual((self.sink.events, self.begun_counts()), ([e.Failed(WRONG)], [1, 0, 0]))

    def test_the_refusal_of_the_last_one_is_raised(self) -> None:
        for back in self.backends:
            back.begin_errors = [DOWN]
        self.assertEqual(self.assertRaises(FaultError, self.runner.begin).fault, DOWN)

    def test_a_fallback_that_does_not_exist_does_not_hide_why_the_model_failed(self) -> None:
        self.first.begin_errors, self.second.begin_errors = [DOWN], [fault("overloaded")]
        self.third.begin_errors = [UNKNOWN]
        self.assertEqual(self.assertRaises(FaultError, self.runner.begin).fault, DOWN)

    def test_a_late_refusal_of_a_fallback_that_does_not_exist_is_the_first_fault(self) -> None:
        self.second.begin_errors, self.third.begin_errors = [fault("overloaded")], [UNKNOWN]
        self.runner.begin()
        self.first.turns[0].emit(e.Failed(DOWN))
        self.assertEqual(self.sink.events, [e.Failed(DOWN)])

    def test_a_late_refusal_of_the_last_one_fails_the_response(self) -> None:
        self.second.begin_errors, self.third.begin_errors = [DOWN], [DOWN]
        self.runner.begin()
        self.first.turns[0].emit(e.Failed(fault("overloaded")))
        self.assertEqual((self.sink.events, self.sink.settle_count), ([e.Failed(DOWN)], 1))

    def test_a_late_exception_fails_the_response_with_an_internal_error(self) -> None:
        self.second.begin_errors = [ValueError("broken")]
        self.runner.begin()
        self.first.turns[0].emit(e.Failed(DOWN))
        self.assertEqual((self.sink.events, self.sink.settle_count), ([e.Failed(fault("internal"))], 1))
        self.assertEqual(self.counted, ["fallback_used", "internal_error"])

    def test_events_of_an_attempt_that_was_given_up_are_dropped(self) -> None:
        self.runner.begin()
        self.first.turns[0].emit(e.Failed(DOWN))
        self.first.turns[0].emit(*text_answer())
        self.assertEqual(self.sink.events, [])

    def test_commands_of_the_front_end_reach_the_current_attempt(self) -> None:
        self.runner.begin()
        self.runner.pause()
        self.first.turns[0].emit(e.Failed(DOWN))
        self.second.turns[0].ignored = ("seed",)
        self.assertEqual(self.runner.ignored, ("seed",))
        self.runner.resume()
        self.runner.cancel()
        self.assertEqual(self.second.turns[0].actions, ["pause", "resume", "cancel"])
        self.second.turns[0].emit(*text_answer())
        self.assertEqual(self.sink.events, [])

    def test_no_attempt_starts_after_a_cancel(self) -> None:
        self.runner.begin()
        self.first.turns[0].emit_unsettled(e.Failed(DOWN))
        self.runner.cancel()
        self.first.turns[0].sink.settle()
        self.assertEqual(self.begun_counts(), [1, 0, 0])


class LoadTests(SynchronousTestCase):
    """Which of several back ends is tried first depends on whether the response would wait there."""

    def tried(self, *loads: BackendLoad, errors: tuple[int, ...] = ()) -> tuple[list[int], list[str]]:
        """Return which back ends are asked, in order, and what is counted; some of them refuse."""
        asked: list[int] = []
        counted: list[str] = []

        def begin(index: int, sink: IEventSink) -> ITurnHandle:
            asked.append(index)
            backend = FakeBackend()
            backend.begin_errors = [fault("busy")] if index in errors else []
            return backend.begin(TURN, context(), sink)

        attempts = tuple(
            Attempt(lambda sink, index=index: begin(index, sink), lambda load=load: load)
            for index, load in enumerate(loads)
        )
        FallbackRunner(attempts, EventRecorder(), counted.append, "req_1").begin()
        return asked, counted

    def test_a_free_fallback_is_used_at_once_where_the_model_would_wait(self) -> None:
        self.assertEqual(self.tried("full", "full", "free"), ([2], ["fallback_used"]))

    def test_without_a_free_fallback_the_response_waits_for_its_own_model(self) -> None:
        for loads in (("full", "full"), ("full", "unknown")):
            self.assertEqual(self.tried(*loads), ([0], []))

    def test_a_model_that_is_free_or_must_be_asked_is_asked(self) -> None:
        for loads in (("free", "free"), ("unknown", "free")):
            self.assertEqual(self.tried(*loads), ([0], []))

    def test_the_model_itself_remains_a_fallback(self) -> None:
        self.assertEqual(self.tried("full", "free", errors=(1,)), ([1, 0], ["fallback_used"] * 2))
