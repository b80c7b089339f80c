"""Tests of the embeddings of codexd.upstream.backend, over a connection in memory."""

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IEmbedder
from codexd.neutral.fault import Fault, FaultError
from codexd.wire import json
from tests.support.contexts import TRACEPARENT, context, metered_context
from tests.support.fake_upstream import SETTINGS, FakeConnection, UpstreamHarness

ANSWER = b'{"object":"list","data":[{"index":0,"embedding":[0.5, -1e-9]}]}'
CUT = ("connection: close",)


def build_body(model: str) -> bytes:
    """Build a request body with the upstream's own name of the model."""
    return json.encode({"model": model, "input": "text"})


class EmbedTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.context = context("req_e")
        self.harness = UpstreamHarness(
            evolve(SETTINGS, breaker_failures=2, breaker_seconds=30.0, first_event_seconds=5.0)
        )

    def embed(self, model: str = "m") -> "Deferred[bytes]":
        return self.harness.backend.embed(model, build_body, self.context)

    def refusal(self, answer: Callable[[FakeConnection], Any]) -> Fault:
        """Return the fault of a request that gets this answer."""
        request = self.embed()
        answer(self.harness.accept())
        return self.failed(request)

    def failed(self, request: "Deferred[bytes]") -> Fault:
        """Return the fault of a failed request."""
        found: Fault = self.failureResultOf(request, FaultError).value.fault
        return found

    def outcome(self, name: str) -> float:
        """Return how many requests had this outcome."""
        return self.harness.metric(f'upstream_requests_total{{outcome="{name}",upstream="up"}}')


class EmbedTests(EmbedTestCase):
    def test_the_upstream_gets_the_request_id_and_the_trace_context_and_the_record_its_name(self) -> None:
        self.embed()
        head = self.harness.accept().request_head
        self.assertIn(b"x-request-id: req_e\r\n", head + b"\r\n")
        self.assertIn(f"traceparent: {TRACEPARENT}\r\n".encode(), head + b"\r\n")
        self.assertEqual(self.context.record.backend, "up")

    def test_it_is_noted_once_the_upstream_is_asked(self) -> None:
        self.context, charge, _ = metered_context()
        request = self.embed()
        self.assertTrue(charge.sent)
        request.cancel()
        self.failureResultOf(request, CancelledError)

    def test_it_implements_the_embedder_interface(self) -> None:
        self.assertTrue(verifyObject(IEmbedder, self.harness.backend))

    def test_the_response_is_returned_byte_for_byte(self) -> None:
        request = self.embed()
        connection = self.harness.accept()
        self.assertTrue(connection.request_head.startswith(b"post /v1/embeddings http/1.1\r\n"))
        self.assertIn(b"authorization: bearer sk-secret", connection.request_head)
        self.assertNoResult(request)
        connection.send_response(ANSWER)
        self.assertEqual(self.successResultOf(request), ANSWER)
        self.assertEqual(self.outcome("ok"), 1)

    def test_the_upstream_gets_its_own_name_of_the_model(self) -> None:
        self.context = context("req_e")
        self.harness = UpstreamHarness(evolve(SETTINGS, prefix="up/", models=("small=bge:small",), pass_unlisted=False))
        self.embed("up/small")
        self.assertEqual(self.harness.accept().request_json, {"model": "bge:small", "input": "text"})

    def test_a_model_it_does_not_offer_is_refused_without_a_request(self) -> None:
        self.context = context("req_e")
        self.harness = UpstreamHarness(evolve(SETTINGS, models=("small",), pass_unlisted=False))
        refused = self.assertRaises(FaultError, self.embed, "large").fault
        self.assertEqual((refused.kind, refused.param, self.harness.connection_count), ("unknown_model", "model", 0))

    def test_errors_are_translated_with_their_retry_after(self) -> None:
        error = json.encode({"error": {"message": "input is too odd", "type": "invalid_request_error"}})
        for status, kind, http_status in (
            (400, "invalid_prompt", 400),
            (401, "credentials_rejected", 502),
            (404, "provider_rejected", 502),
            (429, "rate_limited", 429),
            (500, "model_failed", 502),
            (503, "overloaded", 503),
        ):
            found = self.refusal(
                lambda connection, status=status: connection.send_response(error, status, "retry-after: 9", *CUT)
            )
            self.assertEqual((found.kind, found.status), (kind, http_status))
            self.assertEqual((found.retry_after_seconds, self.outcome(kind) > 0), (9.0, True))
            self.assertEqual("odd" in found.message, kind == "invalid_prompt")
            self.harness.clock.advance(30)

    def test_a_response_that_is_not_json_is_a_failure(self) -> None:
        for answer in (
            lambda connection: connection.send_response(b"<html>", 200, *CUT),
            lambda connection: connection.send_response(b"", 200, *CUT),
            lambda connection: (
                connection.send_head(),
                connection.send_chunk(ANSWER[:20]),
                connection.close(clean=False),
            ),
            lambda connection: connection.send(b"what?\r\n\r\n"),
        ):
            self.assertEqual(self.refusal(answer).kind, "model_failed")
            self.harness.clock.advance(30)

    def test_a_response_over_the_limit_is_cut(self) -> None:
        self.context = context("req_e")
        self.harness = UpstreamHarness(evolve(SETTINGS, max_response_bytes=1000))
        request = self.embed()
        connection = self.harness.accept()
        connection.send_head()
        connection.send_chunk(b"[" + b"1," * 600)
        self.assertEqual((self.failed(request).kind, connection.aborted), ("model_failed", True))

    def test_an_upstream_that_cannot_be_reached_is_a_failure(self) -> None:
        request = self.embed()
        self.harness.refuse()
        self.assertEqual(self.failed(request).kind, "unreachable")

    def test_the_deadline_applies_before_and_after_the_head(self) -> None:
        for begin, kind in (
            (lambda connection: None, "no_first_event"),
            (lambda connection: (connection.send_head(), connection.send_chunk(b"[")), "idle_timeout"),
        ):
            request = self.embed()
            connection = self.harness.accept()
            begin(connection)
            self.harness.clock.advance(4.9)
            self.assertNoResult(request)
            self.harness.clock.advance(0.1)
            self.assertEqual((self.failed(request).kind, connection.aborted), (kind, True))


class BreakerTests(EmbedTestCase):
    def test_failures_open_the_breaker(self) -> None:
        for _ in range(2):
            self.refusal(lambda connection: connection.send_response(b"{}", 500, *CUT))
            self.assertTrue(self.harness.backend.ready())
        found = self.failed(self.embed())
        self.assertEqual(
            (found.kind, found.retry_after_seconds, self.harness.connection_count), ("circuit_open", 30.0, 2)
        )
        self.harness.clock.advance(30)
        request = self.embed()
        self.harness.accept().send_response(ANSWER)
        self.assertEqual((self.successResultOf(request), self.harness.backend.ready()), (ANSWER, True))

    def test_invalid_requests_do_not_open_the_breaker(self) -> None:
        for _ in range(3):
            self.refusal(lambda connection: connection.send_response(b"{}", 400, *CUT))
        self.assertTrue(self.harness.backend.ready())

    def test_a_cancelled_request_closes_the_connection_and_does_not_count_as_a_failure(self) -> None:
        for begin in (
            lambda connection: None,
            lambda connection: (connection.send_head(), connection.send_chunk(b"[")),
        ):
            request = self.embed()
            connection = self.harness.accept()
            begin(connection)
            request.cancel()
            self.failureResultOf(request, CancelledError)
            self.harness.clock.advance(0)
            self.assertEqual((connection.aborted, self.harness.backend.ready()), (True, True))
        self.assertEqual(self.outcome("cancelled"), 2)
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])

    def test_a_cancelled_probe_allows_another_one(self) -> None:
        for _ in range(2):
            self.refusal(lambda connection: connection.send_response(b"{}", 500, *CUT))
        self.harness.clock.advance(30)
        request = self.embed()
        self.harness.accept()
        request.cancel()
        self.failureResultOf(request, CancelledError)
        self.assertTrue(self.harness.backend.ready())
