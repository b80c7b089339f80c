"""Tests of embeddings and forwarded requests that wait in the queue of their upstream."""

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.fronts import forwarding
from codexd.interfaces import IEmbedder, IForwarder, IForwardingHandle
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import Turn
from codexd.settings import Queue
from tests.support.limited_backend import QueueHarness, context_of
from tests.support.metric_samples import metric
from tests.support.recording_sink import RecordingSink
from tests.upstream.test_forwarding import Receiver

TURN = Turn(model="m", items=())


class QueuedRequestsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.build()

    def build(self, **settings: float) -> None:
        self.queue = QueueHarness(1, Queue(**settings))
        self.model, self.clock, self.requests = self.queue.model, self.queue.clock, self.queue.requests
        self.queue.backend.begin(TURN, context_of("a"), RecordingSink(strict=False))
        self.context = context_of("b")

    def finish(self) -> None:
        self.model.finish()
        self.clock.advance(0)

    def size_bytes(self) -> float:
        return metric(self.queue.metrics, "codexd_queue_bytes", backend="codex")


class EmbeddingTests(QueuedRequestsTestCase):
    def embed(self):  # type: ignore[no-untyped-def]
        return self.requests.embed("m", lambda model: b"x" * 1000, self.context)

    def test_they_wait_for_a_slot(self) -> None:
        verifyObject(IEmbedder, self.requests)
        result = self.embed()
        self.assertEqual((self.model.embedding, self.size_bytes()), ([], 1000))
        self.finish()
        self.assertEqual(len(self.model.embedding), 1)
        self.model.embedded.callback(b"[]")
        self.assertEqual(self.successResultOf(result), b"[]")

    def test_they_do_not_wait_where_there_is_a_slot(self) -> None:
        self.finish()
        self.assertIs(self.embed(), self.model.embedded)

    def test_who_waits_too_long_is_refused(self) -> None:
        result = self.embed()
        self.clock.advance(10)
        self.assertEqual(self.failureResultOf(result, FaultError).value.fault.kind, "busy")

    def test_a_cancelled_request_leaves_the_queue_or_is_cancelled(self) -> None:
        for waits in (True, False):
            self.build()
            result = self.embed()
            if not waits:
                self.finish()
            result.cancel()
            self.failureResultOf(result, CancelledError)
            self.assertEqual((len(self.model.embedding), self.size_bytes()), (0 if waits else 1, 0))

    def test_an_unknown_model_is_refused_at_once_and_a_later_refusal_is_the_result(self) -> None:
        self.model.check_error = fault("unknown_model")
        self.assertRaises(FaultError, self.embed)
        self.model.check_error = None
        result = self.embed()
        self.model.begin_errors = [fault("circuit_open")]
        self.finish()
        self.assertEqual(self.failureResultOf(result, FaultError).value.fault.kind, "circuit_open")


class ForwardingTests(QueuedRequestsTestCase):
    def forward(self) -> IForwardingHandle:
        self.receiver = Receiver()
        body = b'{"model":"m","input":"' + b"y" * 500 + b'"}'
        request = forwarding.decode("audio/speech", b"application/json", None, body)
        return self.requests.forward("m", request, self.context, self.receiver)

    def test_they_wait_for_a_slot(self) -> None:
        verifyObject(IForwarder, self.requests)
        handle = self.forward()
        verifyObject(IForwardingHandle, handle)
        self.assertEqual((self.model.forwarded, self.size_bytes() // 100), ([], 5))
        handle.pause()
        self.finish()
        (sent,) = self.model.forwarded
        handle.resume()
        handle.cancel()
        self.assertEqual(sent.actions, ["pause", "resume", "cancel"])

    def test_they_do_not_wait_where_there_is_a_slot(self) -> None:
        self.finish()
        self.assertIs(self.forward(), self.model.forwarded[0])

    def test_who_waits_too_long_is_refused(self) -> None:
        self.forward()
        self.clock.advance(10)
        self.assertEqual(self.receiver.kind, "busy")

    def test_a_cancelled_request_leaves_the_queue(self) -> None:
        self.forward().cancel()
        self.finish()
        self.assertEqual((self.model.forwarded, self.receiver.end), ([], None))

    def test_a_refusal_after_the_wait_fails_the_response(self) -> None:
        self.forward()
        self.model.begin_errors = [fault("circuit_open")]
        self.finish()
        self.assertEqual(self.receiver.kind, "circuit_open")

    def test_a_defect_fails_the_response(self) -> None:
        self.forward()
        self.model.forward = None  # type: ignore[method-assign,assignment]
        self.finish()
        self.flushLoggedErrors()
        self.assertEqual(self.receiver.kind, "internal")
