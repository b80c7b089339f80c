"""Tests of codexd.routing.relay."""

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import Refused, fault
from codexd.neutral.turn import Turn
from codexd.routing.relay import Relay
from tests.support.backend import FakeBackend, hello

TURN = Turn("m", ())
DOWN, WRONG = fault("not_ready"), fault("invalid_prompt")


@implementer(IEventSink)
class Notes:
    def __init__(self) -> None:
        self.heard: list[e.Event] = []
        self.flushes = 0

    def receive(self, event: e.Event) -> None:
        self.heard.append(event)

    def flush(self) -> None:
        self.flushes += 1


class RelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.backends = FakeBackend(), FakeBackend(), FakeBackend()
        self.first, self.second, self.third = self.backends
        self.notes = Notes()
        self.counted: list[str] = []
        ways = tuple(lambda sink, back=back: back.begin(TURN, sink) for back in self.backends)
        self.relay = Relay(ways, self.notes, self.counted.append)

    def begun(self) -> list[int]:
        return [len(back.turns) for back in self.backends]

    def test_it_is_a_handle(self) -> None:
        self.assertTrue(verifyObject(ITurnHandle, self.relay))

    def test_the_first_that_answers_is_heard_and_nobody_else_is_asked(self) -> None:
        self.relay.begin()
        self.first.turns[0].tell(*hello())
        self.assertEqual(self.notes.heard, list(hello()))
        self.assertEqual((self.begun(), self.counted), ([1, 0, 0], []))

    def test_one_that_refuses_is_passed_over(self) -> None:
        self.first.refusals = [DOWN]
        self.relay.begin()
        self.second.turns[0].tell(*hello())
        self.assertEqual(self.notes.heard, list(hello()))
        self.assertEqual((self.begun(), self.counted), ([0, 1, 0], ["fallback_taken"]))

    def test_one_that_fails_before_its_first_event_is_passed_over_at_the_flush(self) -> None:
        self.relay.begin()
        self.first.turns[0].say(e.Failed(DOWN))
        self.assertEqual(self.begun(), [1, 0, 0])
        self.first.turns[0].sink.flush()
        self.assertEqual((self.begun(), self.notes.heard), ([1, 1, 0], []))
        self.second.turns[0].tell(*hello())
        self.assertEqual(self.notes.heard, list(hello()))

    def test_one_that_fails_while_it_begins_is_passed_over(self) -> None:
        self.first.at_once = (e.Failed(DOWN),)
        self.relay.begin()
        self.assertEqual((self.begun(), self.notes.heard), ([1, 1, 0], []))

    def test_once_one_has_begun_its_failure_is_the_answers(self) -> None:
        self.relay.begin()
        self.first.turns[0].tell(e.Began(), e.Failed(DOWN))
        self.assertEqual(self.notes.heard, [e.Began(), e.Failed(DOWN)])
        self.assertEqual(self.begun(), [1, 0, 0])

    def test_a_request_that_is_wrong_is_tried_nowhere_else(self) -> None:
        self.relay.begin()
        self.first.turns[0].tell(e.Failed(WRONG))
        self.assertEqual((self.notes.heard, self.begun()), ([e.Failed(WRONG)], [1, 0, 0]))

    def test_the_last_ones_refusal_is_the_answers(self) -> None:
        for back in self.backends:
            back.refusals = [DOWN]
        self.assertEqual(self.assertRaises(Refused, self.relay.begin).fault, DOWN)

    def test_a_late_refusal_of_the_last_is_told_as_a_failure(self) -> None:
        self.second.refusals, self.third.refusals = [DOWN], [DOWN]
        self.relay.begin()
        self.first.turns[0].tell(e.Failed(fault("overloaded")))
        self.assertEqual((self.notes.heard, self.notes.flushes), ([e.Failed(DOWN)], 1))

    def test_a_defect_of_one_that_is_asked_late_is_a_failure_and_no_more(self) -> None:
        self.second.refusals = [ValueError("broken")]
        self.relay.begin()
        self.first.turns[0].tell(e.Failed(DOWN))
        self.assertEqual((self.notes.heard, self.notes.flushes), ([e.Failed(fault("internal"))], 1))
        self.assertEqual(self.counted, ["fallback_taken", "internal_error"])

    def test_one_that_was_given_up_is_not_heard_any_more(self) -> None:
        self.relay.begin()
        self.first.turns[0].tell(e.Failed(DOWN))
        self.first.turns[0].tell(*hello())
        self.assertEqual(self.notes.heard, [])

    def test_what_the_front_asks_goes_to_whoever_answers(self) -> None:
        self.relay.begin()
        self.relay.hold()
        self.first.turns[0].tell(e.Failed(DOWN))
        self.second.turns[0].ignored = ("seed",)
        self.assertEqual(self.relay.ignored, ("seed",))
        self.relay.release()
        self.relay.cancel()
        self.assertEqual(self.second.turns[0].asked, ["hold", "release", "cancel"])
        self.second.turns[0].tell(*hello())
        self.assertEqual(self.notes.heard, [])

    def test_nobody_is_asked_for_somebody_who_has_left(self) -> None:
        self.relay.begin()
        self.first.turns[0].say(e.Failed(DOWN))
        self.relay.cancel()
        self.first.turns[0].sink.flush()
        self.assertEqual(self.begun(), [1, 0, 0])
