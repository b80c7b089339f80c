"""Forwarded requests, over a connection in memory."""

import gzip
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.fronts import forwarding
from codexd.interfaces import IForwarder, IForwardingHandle, IForwardingReceiver
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.forwarded import ForwardedHead
from codexd.upstream.client import BytesProducer
from codexd.wire import json
from tests.support.cases import each_set_up
from tests.support.contexts import TRACEPARENT, context, metered_context
from tests.support.fake_upstream import SETTINGS, FakeConnection, UpstreamHarness

BODY = {"model": "up/tts", "input": "Hello"}
CUT = ("connection: close",)


@implementer(IForwardingReceiver)
class Receiver:
    """Records a response."""

    def __init__(self) -> None:
        self.head: ForwardedHead | None = None
        self.body = b""
        self.end: Fault | str | None = None

    def open(self, head: ForwardedHead) -> None:
        assert self.head is None
        self.head = head

    def write(self, data: bytes) -> None:
        assert self.head is not None
        assert self.end is None
        self.body += data

    def finish(self) -> None:
        assert self.end is None
        self.end = "complete"

    def fail(self, fault: Fault) -> None:
        assert self.end is None
        self.end = fault

    @property
    def kind(self) -> str:
        """The kind of its failure."""
        assert isinstance(self.end, Fault)
        return self.end.kind


class ForwardTestCase(SynchronousTestCase):
    more: dict[str, Any] = {}

    def setUp(self) -> None:
        self.context = context("req_f")
        usual = evolve(SETTINGS, prefix="up/", breaker_failures=2, first_event_seconds=5.0, idle_seconds=2.0)
        self.harness = UpstreamHarness(evolve(usual, **self.more))
        self.receiver = Receiver()
        verifyObject(IForwardingReceiver, self.receiver)

    def forward(self, body: dict[str, Any] = BODY, path: str = "audio/speech") -> IForwardingHandle:
        """Forward a request, up to its request for a connection."""
        self.receiver = Receiver()
        request = forwarding.decode(path, b"application/json", b"audio/mpeg", json.encode(body))
        handle = self.harness.backend.forward(request.model, request, self.context, self.receiver)
        verifyObject(IForwardingHandle, handle)
        self.harness.clock.advance(0)
        return handle

    def begin(self, *headers: str) -> tuple[IForwardingHandle, FakeConnection]:
        """Forward a request and begin its response."""
        handle = self.forward()
        connection = self.harness.accept()
        connection.send_head(200, "content-type: audio/mpeg", *headers)
        return handle, connection

    def outcome(self, name: str) -> float:
        """Return how many requests had this outcome."""
        return self.harness.metric(f'upstream_requests_total{{outcome="{name}",upstream="up"}}')


class ForwardTests(ForwardTestCase):
    def test_it_implements_the_interface(self) -> None:
        self.assertTrue(verifyObject(IForwarder, self.harness.backend))

    def test_the_upstream_gets_its_own_key_and_name_of_the_model_and_the_ids(self) -> None:
        self.forward()
        connection = self.harness.accept()
        head = connection.request_head + b"\r\n"
        self.assertTrue(head.startswith(b"post /v1/audio/speech http/1.1\r\n"))
        for line in ("authorization: bearer sk-secret", "accept: audio/mpeg", "x-request-id: req_f",
                     "content-type: application/json", f"traceparent: {TRACEPARENT}"):  # fmt: skip
            self.assertIn(f"{line}\r\n".encode(), head)
        self.assertEqual(connection.request_json, BODY | {"model": "tts"})
        self.assertEqual(self.context.record.backend, "up")

    def test_it_is_noted_once_the_upstream_is_asked(self) -> None:
        self.context, charge, _ = metered_context()
        self.assertFalse(charge.sent)
        self.forward()
        self.assertTrue(charge.sent)

    def test_the_response_is_passed_on_as_it_arrives_with_some_of_its_headers(self) -> None:
        _, connection = self.begin("set-cookie: a=b", "x-ratelimit-limit: 1", "openai-organization: me")
        self.assertIsNone(self.receiver.head)
        connection.send_chunk(b"\x00\x01")
        self.assertEqual(self.receiver.head, ForwardedHead(200, ((b"content-type", b"audio/mpeg"),)))
        self.assertEqual(self.receiver.body, b"\x00\x01")
        connection.send_chunk(b"\xff")
        connection.send_chunk(b"")
        self.assertEqual((self.receiver.body, self.receiver.end), (b"\x00\x01\xff", "complete"))
        self.assertEqual((self.outcome("ok"), self.harness.backend.running), (1, 0))
        self.harness.clock.advance(0)
        self.assertEqual(self.harness.clock.getDelayedCalls()[:-1], [])

    def test_an_announced_length_is_passed_on(self) -> None:
        self.forward()
        self.harness.accept().send(b"HTTP/1.1 201 x\r\ncontent-length: 2\r\n\r\nok")
        self.assertEqual(self.receiver.head, ForwardedHead(201, ((b"content-length", b"2"),)))
        self.assertEqual((self.receiver.body, self.receiver.end), (b"ok", "complete"))

    def test_a_compressed_response_is_passed_on_decompressed_without_its_length(self) -> None:
        self.forward()
        data = gzip.compress(b"ok")
        head = b"HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)
        self.harness.accept().send(head + data)
        self.assertEqual((self.receiver.head, self.receiver.body), (ForwardedHead(200, ()), b"ok"))
        self.assertEqual(self.receiver.end, "complete")

    def test_an_empty_response_is_a_response(self) -> None:
        self.forward()
        self.harness.accept().send(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n")
        self.assertIsNotNone(self.receiver.head)
        self.assertEqual((self.receiver.body, self.receiver.end), (b"", "complete"))

    def test_a_request_without_a_model_is_sent_unchanged(self) -> None:
        self.forward({"input": "a"}, "moderations")
        self.assertEqual(self.harness.accept().request_json, {"input": "a"})

    def test_the_limit_of_connections_applies(self) -> None:
        self.harness = UpstreamHarness(evolve(SETTINGS, max_connections=1))
        handle = self.forward()
        self.assertEqual(self.assertRaises(FaultError, self.forward).fault.kind, "busy")
        handle.cancel()
        self.forward()

    def test_an_unknown_model_is_refused_without_a_request(self) -> None:
        self.harness = UpstreamHarness(evolve(SETTINGS, models=("small",), pass_unlisted=False))
        self.assertEqual(self.assertRaises(FaultError, self.forward).fault.kind, "unknown_model")
        self.assertEqual(self.harness.connection_count, 0)


class FailureTests(ForwardTestCase):
    more = {"breaker_failures": 1000}

    def test_a_response_that_is_cut_fails_after_what_arrived(self) -> None:
        for sent in each_set_up(self, True, False):
            _, connection = self.begin()
            if sent:
                connection.send_chunk(b"half")
            connection.close(clean=False)
            self.assertEqual((self.receiver.kind, self.receiver.body), ("stream_cut", b"half" if sent else b""))
            self.assertEqual(self.receiver.head is None, not sent)
            self.assertEqual((self.outcome("stream_cut"), self.harness.backend.running), (1, 0))

    def test_a_body_shorter_than_announced_is_cut(self) -> None:
        self.forward()
        connection = self.harness.accept()
        connection.send(b"HTTP/1.1 200 x\r\ncontent-length: 10\r\n\r\nhalf")
        connection.close()
        self.assertEqual((self.receiver.kind, self.receiver.body), ("stream_cut", b"half"))

    def test_errors_are_translated(self) -> None:
        error = json.encode({"error": {"message": "the voice is too odd", "type": "invalid_request_error"}})
        for status, kind, http_status in (
            (400, "invalid_prompt", 400),
            (401, "credentials_rejected", 502),
            (404, "provider_rejected", 502),
            (413, "too_large", 413),
            (429, "rate_limited", 429),
            (500, "model_failed", 502),
            (503, "overloaded", 503),
            (302, "provider_rejected", 502),
        ):
            self.forward()
            self.harness.accept().send_response(error, status, "retry-after: 9", *CUT)
            self.assertEqual((self.receiver.kind, self.receiver.end.status), (kind, http_status), status)  # type: ignore[union-attr]
            self.assertIsNone(self.receiver.head)
            message = self.receiver.end.message  # type: ignore[union-attr]
            self.assertEqual("odd" in message, kind == "invalid_prompt")
            self.assertEqual("pass_through" in message, status == 404)
            self.assertNotIn("http.max_body_bytes", message)

    def test_an_unexpected_exception_is_logged_and_fails_the_request(self) -> None:
        class DefectiveReceiver(Receiver):
            def open(self, head: ForwardedHead) -> None:
                raise RuntimeError("a secret")

        self.receiver = receiver = DefectiveReceiver()
        request = forwarding.decode("moderations", b"", None, b"{}")
        self.harness.backend.forward(None, request, self.context, receiver)
        self.harness.clock.advance(0)
        with capturedLogs() as logged:
            self.harness.accept().send(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n")
        self.assertEqual((self.receiver.kind, self.harness.backend.running), ("internal", 0))
        errors = [event for event in logged if event["log_namespace"].startswith("codexd.")]
        self.assertEqual([event["id"] for event in errors], ["req_f"])
        self.assertNotIn("a secret", str(errors[0]["where"]))

    def test_no_connection_is_a_failure(self) -> None:
        self.forward()
        self.harness.refuse()
        self.assertEqual(self.receiver.kind, "unreachable")

    def test_the_deadlines_apply_before_the_first_byte_and_between_two(self) -> None:
        for begun, seconds, kind in each_set_up(self, (False, 5.0, "no_first_event"), (True, 2.0, "idle_timeout")):
            _, connection = self.begin()
            if begun:
                connection.send_chunk(b"a")
            self.harness.clock.advance(seconds - 0.1)
            self.assertIsNone(self.receiver.end)
            self.harness.clock.advance(0.1)
            self.assertEqual((self.receiver.kind, connection.aborted), (kind, True))

    def test_a_response_that_continues_is_not_idle(self) -> None:
        _, connection = self.begin()
        for _ in range(5):
            connection.send_chunk(b"a")
            self.harness.clock.advance(1.9)
        self.assertIsNone(self.receiver.end)

    def test_the_deadline_of_the_request_applies(self) -> None:
        self.context = evolve(self.context, deadline=self.harness.clock.seconds() + 1.0)
        self.forward()
        self.harness.clock.advance(1.0)
        self.assertEqual(self.receiver.kind, "too_long")

    def test_a_response_over_the_limit_is_cut(self) -> None:
        self.harness = UpstreamHarness(evolve(SETTINGS, max_response_bytes=1000))
        _, connection = self.begin()
        connection.send_chunk(b"x" * 1000)
        self.assertIsNone(self.receiver.end)
        connection.send_chunk(b"x")
        self.assertEqual((self.receiver.kind, len(self.receiver.body)), ("model_failed", 1000))
        self.harness.clock.advance(0)
        self.assertTrue(connection.aborted)

    def test_a_response_that_announces_too_much_fails_before_its_first_byte(self) -> None:
        self.harness = UpstreamHarness(evolve(SETTINGS, max_response_bytes=1000))
        self.forward()
        connection = self.harness.accept()
        connection.send(b"HTTP/1.1 200 x\r\ncontent-length: 1001\r\n\r\nhalf")
        self.assertEqual((self.receiver.kind, self.receiver.head), ("model_failed", None))
        self.assertTrue(connection.aborted)

    @settings(max_examples=30)
    @given(st.lists(st.binary(min_size=1, max_size=9), max_size=6), st.data())
    def test_wherever_it_is_cut_it_ends_once_and_never_as_complete(
        self, pieces: list[bytes], data: st.DataObject
    ) -> None:
        self.setUp()
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        whole = b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n" + chunks
        self.forward()
        connection = self.harness.accept()
        at = data.draw(st.integers(0, len(whole)))
        split = data.draw(st.integers(0, at))
        connection.send(whole[:split])
        connection.send(whole[split:at])
        if at == len(whole):
            self.assertEqual((self.receiver.end, self.receiver.body), ("complete", b"".join(pieces)))
        else:
            connection.close(clean=data.draw(st.booleans()))
            self.assertIsInstance(self.receiver.end, Fault)
            self.assertTrue(b"".join(pieces).startswith(self.receiver.body))
        self.assertEqual(self.harness.backend.running, 0)


class BreakerTests(ForwardTestCase):
    def test_failures_open_the_breaker_and_cancelled_requests_do_not(self) -> None:
        for _ in range(3):
            self.forward().cancel()
        for _ in range(2):
            self.forward()
            self.harness.accept().send_response(b"{}", 500, *CUT)
        self.assertEqual(self.assertRaises(FaultError, self.forward).fault.kind, "circuit_open")
        self.assertEqual((self.outcome("cancelled"), self.outcome("model_failed")), (3, 2))

    def test_the_breaker_of_one_principal_lets_the_requests_of_others_pass(self) -> None:
        for _ in range(2):
            self.forward()
            self.harness.accept().send_response(b"{}", 500, *CUT)
        self.context = evolve(context("req_g"), principal="other")
        self.forward()
        self.harness.accept().send(b"HTTP/1.1 200 x\r\ncontent-length: 2\r\n\r\nok")
        self.assertEqual(self.receiver.end, "complete")
        self.assertTrue(self.harness.backend.ready())

    def test_an_outage_opens_the_breaker_of_all_and_a_lost_connection_that_of_one(self) -> None:
        for _ in range(2):
            self.forward()
            self.harness.accept().close(clean=False)
            self.assertEqual(self.receiver.kind, "unreachable")
        self.assertTrue(self.harness.backend.ready())
        self.context = evolve(context("req_g"), principal="other")
        for _ in range(2):
            self.forward()
            self.harness.refuse()
        self.assertFalse(self.harness.backend.ready())


class FlowTests(ForwardTestCase):
    def test_a_cancelled_request_closes_the_connection_and_receives_nothing_more(self) -> None:
        for stage in each_set_up(self, 0, 1, 2):
            handle = self.forward()
            connection = self.harness.accept() if stage else None
            if connection and stage > 1:
                connection.send_head()
                connection.send_chunk(b"half")
            handle.cancel()
            handle.cancel()
            self.harness.clock.advance(0)
            self.assertTrue(self.harness.given_up if connection is None else connection.aborted)
            self.assertIsNone(self.receiver.end)
            self.assertEqual((self.outcome("cancelled"), self.harness.backend.running), (1, 0))
            self.assertEqual(self.harness.clock.getDelayedCalls(), [])

    def test_a_request_that_is_cancelled_at_once_opens_no_connection(self) -> None:
        request = forwarding.decode("moderations", b"", None, b"{}")
        self.harness.backend.forward(None, request, self.context, self.receiver).cancel()
        self.harness.clock.advance(0)
        self.assertEqual(self.harness.connection_count, 0)

    def test_a_paused_request_reads_nothing_and_is_not_idle(self) -> None:
        handle, connection = self.begin()
        connection.send_chunk(b"a")
        handle.pause()
        self.assertEqual(connection.producerState, "paused")
        self.harness.clock.advance(1000)
        self.assertIsNone(self.receiver.end)
        handle.resume()
        self.assertEqual(connection.producerState, "producing")
        connection.send_chunk(b"b")
        connection.send_chunk(b"")
        self.assertEqual((self.receiver.body, self.receiver.end), (b"ab", "complete"))

    def test_a_request_that_was_paused_before_its_response_does_not_read_it(self) -> None:
        handle = self.forward()
        handle.pause()
        connection = self.harness.accept()
        connection.send_head()
        self.assertEqual(connection.producerState, "paused")

    def test_the_requests_end_when_the_upstream_is_closed(self) -> None:
        _, connection = self.begin()
        self.successResultOf(Deferred.fromCoroutine(self.harness.backend.close()))
        self.assertTrue(connection.aborted)


class FullTransport(StringTransport):
    """A transport that pauses its producer after each write."""

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.producer is not None:
            self.producer.pauseProducing()


class BytesProducerTests(SynchronousTestCase):
    def test_a_small_body_is_one_write(self) -> None:
        transport = StringTransport()
        self.successResultOf(BytesProducer(b"x" * 2**20).startProducing(transport))  # type: ignore[arg-type]
        self.assertEqual(len(transport.value()), 2**20)

    def test_a_large_body_is_written_as_fast_as_it_is_read(self) -> None:
        body = bytes(range(256)) * 2**13
        transport, producer = FullTransport(), BytesProducer(body)
        transport.registerProducer(producer, True)
        done = producer.startProducing(transport)  # type: ignore[arg-type]
        rounds = 0
        while len(transport.value()) < len(body):
            self.assertNoResult(done)
            producer.resumeProducing()
            rounds += 1
        self.successResultOf(done)
        self.assertEqual((transport.value(), rounds), (body, 7))

    def test_a_body_whose_connection_is_lost_is_not_written_further(self) -> None:
        transport, producer = FullTransport(), BytesProducer(b"x" * 2**21)
        transport.registerProducer(producer, True)
        done = producer.startProducing(transport)  # type: ignore[arg-type]
        producer.stopProducing()
        producer.resumeProducing()
        self.assertNoResult(done)
        self.assertEqual(len(transport.value()), 2**18)
