"""One answer under way: what reaches its sink, and when it has taken too long."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.child.run import SETTLE_SECONDS, Run
from codexd.interfaces import ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.turn import Sampling
from codexd.policy.affinity import keys
from codexd.settings import Turns
from tests.support.listener import Listener, turn

LIMITS = Turns(first_event_seconds=10, idle_seconds=20, total_seconds=100)
OPENING = (e.Began(), e.MessageOpened(0, "m"))


class FakeSession:
    """Writes down what a run asks of its session."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def cancel(self) -> None:
        self.asked.append("cancel")

    def hold(self, run: Run) -> None:
        self.asked.append("hold")

    def release(self, run: Run) -> None:
        self.asked.append("release")


class RunTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.session, self.listener = Clock(), FakeSession(), Listener()
        self.run_ = self.make()

    def make(self, **sampling: object) -> Run:
        asked = turn("hi", sampling=Sampling(**sampling))  # type: ignore[arg-type]
        self.listener = Listener()
        return Run(asked, keys(asked, ""), self.listener, self.session, self.clock)  # type: ignore[arg-type]

    def say(self, *events: e.Event) -> None:
        for event in events:
            self.run_.say(event)


class TellingTests(RunTestCase):
    def test_it_is_a_turn_handle(self) -> None:
        verifyObject(ITurnHandle, self.run_)

    def test_events_pass_until_the_one_that_ends_it(self) -> None:
        said = (*OPENING, e.TextDelta(0, "hi"), e.MessageClosed(0), e.Ended("stop"))
        self.say(*said)
        self.assertTrue(self.run_.over)
        self.say(e.Failed(fault("internal")), e.TextDelta(0, "more"))
        self.assertEqual(self.listener.events, list(said))
        self.assertEqual(self.run_.reply, self.listener.reply)

    def test_a_failure_is_an_end_too(self) -> None:
        self.say(e.Failed(fault("internal")), e.Began())
        self.assertEqual((self.run_.over, len(self.listener.events)), (True, 1))

    def test_a_flush_is_passed_on_when_there_is_something_to_flush(self) -> None:
        self.run_.flush()
        self.say(*OPENING)
        self.run_.flush()
        self.run_.flush()
        self.assertEqual(self.listener.flushes, 1)

    def test_after_cancelling_nothing_comes_not_even_a_flush(self) -> None:
        self.say(*OPENING)
        self.run_.cancel()
        self.run_.cancel()
        self.say(e.TextDelta(0, "more"), e.Failed(fault("internal")))
        self.run_.flush()
        self.assertEqual((len(self.listener.events), self.listener.flushes), (2, 0))
        self.assertEqual(self.session.asked, ["cancel"])

    def test_cancelling_what_is_over_asks_for_nothing_and_keeps_the_last_flush(self) -> None:
        self.say(e.Began(), e.Ended("stop"))
        self.run_.cancel()
        self.run_.flush()
        self.assertEqual((self.session.asked, self.listener.flushes), ([], 1))

    def test_holding_is_the_sessions(self) -> None:
        self.run_.hold()
        self.run_.release()
        self.assertEqual(self.session.asked, ["hold", "release"])

    def test_a_limit_cuts_the_answer_and_says_so(self) -> None:
        self.run_ = self.make(stop=("STOP",))
        self.say(*OPENING, e.TextDelta(0, "one ST"), e.TextDelta(0, "OP two"))
        self.assertEqual((self.listener.kind, self.listener.reply.text), ("stop", "one "))
        self.assertTrue(self.run_.cut)
        self.assertFalse(self.make().cut)
        self.assertFalse(self.make(max_tokens=5).cut)

    def test_what_the_protocol_has_no_place_for_is_named(self) -> None:
        sampling = {"temperature": 0.0, "seed": 7, "stop": ("x",), "max_tokens": 5}
        self.assertEqual(self.make(**sampling).ignored, ("temperature", "seed"))
        sureness = {"logprobs": True, "top_logprobs": 0, "logit_bias": "{}"}
        self.assertEqual(self.make(**sureness).ignored, tuple(sureness))
        self.assertEqual((self.run_.ignored, self.make(logprobs=False).ignored), ((), ()))


class ClockTests(RunTestCase):
    def overdue(self) -> str | None:
        found = self.run_.overdue(LIMITS)
        return None if found is None else found[1].kind

    def test_a_model_that_does_not_begin(self) -> None:
        self.clock.advance(10)
        self.assertIsNone(self.overdue())
        self.clock.advance(0.1)
        self.assertEqual(self.overdue(), "no_first_event")

    def test_signs_of_life_do_not_make_a_beginning(self) -> None:
        self.clock.advance(9)
        self.run_.heard()
        self.clock.advance(2)
        self.assertEqual(self.overdue(), "no_first_event")

    def test_a_model_that_stops(self) -> None:
        self.say(*OPENING)
        self.clock.advance(19)
        self.run_.heard()
        self.clock.advance(20)
        self.assertIsNone(self.overdue())
        self.clock.advance(0.1)
        self.assertEqual(self.overdue(), "idle")

    def test_a_model_that_goes_on_for_ever(self) -> None:
        self.say(*OPENING)
        for _ in range(10):
            self.clock.advance(10)
            self.run_.heard()
        self.assertIsNone(self.overdue())
        self.clock.advance(1)
        self.assertEqual(self.overdue(), "too_long")

    def test_a_short_silence_is_quiet(self) -> None:
        self.clock.advance(SETTLE_SECONDS)
        self.assertFalse(self.run_.quiet)
        self.clock.advance(0.1)
        self.assertTrue(self.run_.quiet)
        self.run_.heard()
        self.assertFalse(self.run_.quiet)
