"""An active turn: the events that reach its sink, and its deadlines."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.child.active_turn import QUIET_SECONDS, ActiveTurn
from codexd.interfaces import ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.turn import Sampling
from codexd.policy.affinity import fingerprint_turn
from codexd.settings import Turns
from tests.support.contexts import context
from tests.support.recording_sink import RecordingSink, turn

LIMITS = Turns(first_event_seconds=10, idle_seconds=20, total_seconds=100)
OPENING = (e.Began(), e.MessageOpened(0, "m"))


class FakeSession:
    """Records what a turn calls on its session."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def cancel(self) -> None:
        self.calls.append("cancel")

    def pause(self, turn: ActiveTurn) -> None:
        self.calls.append("pause")

    def resume(self, turn: ActiveTurn) -> None:
        self.calls.append("resume")


class ActiveTurnTestCase(SynchronousTestCase):
    deadline: float | None = None

    def setUp(self) -> None:
        self.clock, self.session, self.sink = Clock(), FakeSession(), RecordingSink()
        self.turn = self.make()

    def make(self, **sampling: object) -> ActiveTurn:
        request = turn("hi", sampling=Sampling(**sampling))  # type: ignore[arg-type]
        self.sink, self.context = RecordingSink(), context(deadline=self.deadline)
        return ActiveTurn(request, self.context, fingerprint_turn(request, ""), self.sink, self.session, self.clock)  # type: ignore[arg-type]

    def receive(self, *events: e.Event) -> None:
        for event in events:
            self.turn.receive(event)


class EventTests(ActiveTurnTestCase):
    def test_it_is_a_turn_handle(self) -> None:
        verifyObject(ITurnHandle, self.turn)

    def test_events_are_passed_on_up_to_the_end(self) -> None:
        events = (*OPENING, e.TextDelta(0, "hi"), e.MessageClosed(0), e.Ended("stop"))
        self.receive(*events)
        self.assertTrue(self.turn.over)
        self.receive(e.Failed(fault("internal")), e.TextDelta(0, "more"))
        self.assertEqual(self.sink.events, list(events))
        self.assertEqual(self.turn.reply, self.sink.reply)

    def test_a_failure_ends_it(self) -> None:
        self.receive(e.Failed(fault("internal")), e.Began())
        self.assertEqual((self.turn.over, len(self.sink.events)), (True, 1))

    def test_settle_is_passed_on_only_after_events(self) -> None:
        self.turn.settle()
        self.receive(*OPENING)
        self.turn.settle()
        self.turn.settle()
        self.assertEqual(self.sink.settle_count, 1)

    def test_after_cancel_nothing_is_passed_on(self) -> None:
        self.receive(*OPENING)
        self.turn.cancel()
        self.turn.cancel()
        self.receive(e.TextDelta(0, "more"), e.Failed(fault("internal")))
        self.turn.settle()
        self.assertEqual((len(self.sink.events), self.sink.settle_count), (2, 0))
        self.assertEqual(self.session.calls, ["cancel"])

    def test_cancel_after_the_end_does_nothing_and_settle_still_works(self) -> None:
        self.receive(e.Began(), e.Ended("stop"))
        self.turn.cancel()
        self.turn.settle()
        self.assertEqual((self.session.calls, self.sink.settle_count), ([], 1))

    def test_pause_and_resume_go_to_the_session(self) -> None:
        self.turn.pause()
        self.turn.resume()
        self.assertEqual(self.session.calls, ["pause", "resume"])

    def test_a_limit_cuts_the_response(self) -> None:
        self.turn = self.make(stop=("STOP",))
        self.receive(*OPENING, e.TextDelta(0, "one ST"), e.TextDelta(0, "OP two"))
        self.assertEqual((self.sink.kind, self.sink.reply.text), ("stop", "one "))
        self.assertTrue(self.turn.cut)
        self.assertFalse(self.make().cut)
        self.assertFalse(self.make(max_tokens=5).cut)

    def test_unsupported_sampling_parameters_are_listed(self) -> None:
        sampling = {"temperature": 0.0, "seed": 7, "stop": ("x",), "max_tokens": 5}
        self.assertEqual(self.make(**sampling).ignored, ("temperature", "seed"))
        logprobs = {"logprobs": True, "top_logprobs": 0, "logit_bias": "{}"}
        self.assertEqual(self.make(**logprobs).ignored, tuple(logprobs))
        self.assertEqual((self.turn.ignored, self.make(logprobs=False).ignored), ((), ()))


class DeadlineTests(ActiveTurnTestCase):
    def missed(self) -> str | None:
        found = self.turn.find_missed_deadline(LIMITS, 6.0)
        return None if found is None else found[1].kind

    def test_a_provider_that_cannot_be_connected_to(self) -> None:
        for began in (False, True):
            self.turn = self.make()
            if began:
                self.receive(e.Began())
            self.turn.note_reconnecting(True)
            self.clock.advance(5)
            self.turn.note_reconnecting(True)
            self.assertIsNone(self.missed())
            self.clock.advance(1)
            self.assertEqual(self.missed(), "unreachable", began)

    def test_any_progress_starts_that_time_again(self) -> None:
        for counts in (True, False):
            self.turn = self.make()
            self.turn.note_reconnecting(True)
            self.clock.advance(5.9)
            if counts:
                self.turn.note_activity()
            else:
                self.turn.note_reconnecting(False)
            self.clock.advance(0.1)
            self.turn.note_reconnecting(True)
            self.assertIsNone(self.missed(), counts)

    def test_a_provider_that_is_connected_again_may_take_its_time(self) -> None:
        self.turn.note_reconnecting(True)
        self.clock.advance(1)
        self.turn.note_activity()
        self.clock.advance(8)
        self.assertIsNone(self.missed())

    def test_first_event_deadline(self) -> None:
        self.clock.advance(10)
        self.assertIsNone(self.missed())
        self.clock.advance(0.1)
        self.assertEqual(self.missed(), "no_first_event")

    def test_activity_does_not_extend_the_first_event_deadline(self) -> None:
        self.clock.advance(9)
        self.turn.note_activity()
        self.clock.advance(2)
        self.assertEqual(self.missed(), "no_first_event")

    def test_idle_deadline(self) -> None:
        self.receive(*OPENING)
        self.clock.advance(19)
        self.turn.note_activity()
        self.clock.advance(20)
        self.assertIsNone(self.missed())
        self.clock.advance(0.1)
        self.assertEqual(self.missed(), "idle_timeout")

    def test_the_deadline_of_the_request_takes_the_place_of_the_total_deadline(self) -> None:
        for deadline in (30.0, 200.0):
            self.clock = Clock()
            self.deadline = deadline
            self.turn = self.make()
            self.receive(*OPENING)
            self.clock.advance(deadline)
            self.turn.note_activity()
            self.assertIsNone(self.missed())
            self.clock.advance(0.1)
            self.assertEqual(self.missed(), "too_long")

    def test_total_deadline(self) -> None:
        self.receive(*OPENING)
        for _ in range(10):
            self.clock.advance(10)
            self.turn.note_activity()
        self.assertIsNone(self.missed())
        self.clock.advance(1)
        self.assertEqual(self.missed(), "too_long")

    def test_it_is_quiet_after_a_short_silence(self) -> None:
        self.clock.advance(QUIET_SECONDS)
        self.assertFalse(self.turn.quiet)
        self.clock.advance(0.1)
        self.assertTrue(self.turn.quiet)
        self.turn.note_activity()
        self.assertFalse(self.turn.quiet)
