"""Tests of the frame writer."""

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest
from zope.interface.verify import verifyClass

from codexd.scripted.answer_plan import Pause
from codexd.scripted.frame_writer import FRAMES_PER_WRITE, FrameWriter
from tests.scripted.client import Client


class RecordingRequest(DummyRequest):
    """A request that records writes and does not run its producer."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Do nothing: the inherited method runs the producer to its end."""


class FrameWriterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Client()

    def frames(self) -> int:
        return len(self.client.received().events)

    def test_it_is_a_push_producer(self) -> None:
        verifyClass(IPushProducer, FrameWriter)

    def test_a_paused_answer_continues_without_a_gap(self) -> None:
        self.client.ask("long: 100")
        self.client.pause()
        self.client.clock.pump([0, 10, 10])
        self.assertEqual(self.frames(), FRAMES_PER_WRITE)
        self.client.resume()
        self.assertEqual(self.frames(), FRAMES_PER_WRITE)
        self.client.clock.advance(0)
        received = self.client.received()
        self.assertTrue(received.complete)
        self.assertEqual([event["sequence_number"] for event in received.events], list(range(108)))

    def test_repeated_resumes_write_no_faster(self) -> None:
        self.client.ask("long: 100")
        for _ in range(3):
            self.client.pause()
            self.client.resume()
        self.assertEqual(self.frames(), FRAMES_PER_WRITE)
        self.assertEqual(len(self.client.clock.getDelayedCalls()), 1)

    def test_a_pause_does_not_shorten_a_delay(self) -> None:
        self.client.ask("slow: 3")
        before = self.frames()
        self.client.pause()
        self.client.resume()
        self.client.clock.advance(0.04)
        self.assertEqual(self.frames(), before)
        self.client.clock.advance(0.01)
        self.assertEqual(self.frames(), before + 1)

    def test_a_paused_answer_ends_when_the_client_disconnects(self) -> None:
        self.client.ask("long: 100")
        self.client.pause()
        self.client.disconnect()
        self.client.clock.pump([0, 10])
        self.assertEqual((self.client.model.open, self.client.clock.getDelayedCalls()), (0, []))

    def test_a_stopped_answer_cannot_be_resumed(self) -> None:
        clock, request = Clock(), RecordingRequest([b""])
        writer = FrameWriter(
            clock=clock,
            request=request,
            frames=iter([b"a", Pause(1), b"b"]),
            pace_seconds=0,
            end_response=RecordingRequest.finish,
        )
        writer.start()
        for item in (
            writer.pauseProducing,
            writer.stopProducing,
            writer.stopProducing,
            writer.resumeProducing,
        ):
            item()
        self.assertEqual((request.written, clock.getDelayedCalls()), ([b"a"], []))
