"""Answers to clients that read slowly."""

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest
from zope.interface.verify import verifyClass

from codexd.scripted.plan import Pause
from codexd.scripted.pump import FRAMES_A_WRITE, Pump
from tests.scripted.client import Client


class Written(DummyRequest):
    """A request that keeps what is written, and lets its producer be."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Do nothing: the one it inherits runs the producer to its end."""


class PumpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Client()

    def frames(self) -> int:
        return len(self.client.received().events)

    def test_it_is_a_push_producer(self) -> None:
        verifyClass(IPushProducer, Pump)

    def test_a_paused_answer_waits_and_goes_on_without_a_gap(self) -> None:
        self.client.ask("long: 100")
        self.client.pause()
        self.client.clock.pump([0, 10, 10])
        self.assertEqual(self.frames(), FRAMES_A_WRITE)
        self.client.resume()
        self.assertEqual(self.frames(), FRAMES_A_WRITE)
        self.client.clock.advance(0)
        received = self.client.received()
        self.assertTrue(received.whole)
        self.assertEqual([event["sequence_number"] for event in received.events], list(range(108)))

    def test_resuming_twice_writes_no_faster(self) -> None:
        self.client.ask("long: 100")
        for _ in range(3):
            self.client.pause()
            self.client.resume()
        self.assertEqual(self.frames(), FRAMES_A_WRITE)
        self.assertEqual(len(self.client.clock.getDelayedCalls()), 1)

    def test_a_pause_within_a_wait_does_not_shorten_it(self) -> None:
        self.client.ask("slow: 3")
        before = self.frames()
        self.client.pause()
        self.client.resume()
        self.client.clock.advance(0.04)
        self.assertEqual(self.frames(), before)
        self.client.clock.advance(0.01)
        self.assertEqual(self.frames(), before + 1)

    def test_a_paused_client_that_leaves_is_forgotten(self) -> None:
        self.client.ask("long: 100")
        self.client.pause()
        self.client.leave()
        self.client.clock.pump([0, 10])
        self.assertEqual((self.client.model.open, self.client.clock.getDelayedCalls()), (0, []))

    def test_nothing_starts_an_answer_again_that_was_stopped(self) -> None:
        clock, request = Clock(), Written([b""])
        pump = Pump(clock, request, iter([b"a", Pause(1), b"b"]), 0, Written.finish)
        pump.start()
        for step in (pump.pauseProducing, pump.stopProducing, pump.stopProducing, pump.resumeProducing):
            step()
        self.assertEqual((request.written, clock.getDelayedCalls()), ([b"a"], []))
