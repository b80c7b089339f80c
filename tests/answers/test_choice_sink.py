from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.answers.choice_sink import ChoiceSink
from codexd.interfaces import IEventSink
from codexd.neutral import event as e


class Receiver:
    """Collects the events of all choices."""

    def __init__(self) -> None:
        self.events: list[tuple[e.Event, int]] = []
        self.settled = 0

    def receive(self, event: e.Event, choice: int) -> None:
        self.events.append((event, choice))

    def settle(self) -> None:
        self.settled += 1


class ChoiceSinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.receiver = Receiver()
        self.sink = ChoiceSink(self.receiver, 3)

    def test_it_is_an_event_sink(self) -> None:
        self.assertTrue(verifyObject(IEventSink, self.sink))

    def test_events_are_passed_on_with_the_choice(self) -> None:
        self.sink.receive(e.Began())
        self.sink.settle()
        self.assertEqual((self.receiver.events, self.receiver.settled), ([(e.Began(), 3)], 1))

    def test_a_closed_sink_drops_events_but_settles(self) -> None:
        self.sink.closed = True
        self.sink.receive(e.Began())
        self.sink.settle()
        self.assertEqual((self.receiver.events, self.receiver.settled), ([], 1))
