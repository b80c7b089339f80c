"""Tests of codexd.upstream.turn, over a connection in memory."""

from attrs import evolve
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from codexd.backs.chat.translator import ChatTranslator
from codexd.interfaces import ITurnHandle
from codexd.neutral import event as e
from codexd.wire import json
from tests.support.chat_chunks import DONE, chunk, frames
from tests.support.contexts import TRACEPARENT, context, metered_context
from tests.support.fake_upstream import SETTINGS, TURN, FakeConnection, RecordingSink, UpstreamHarness

HEL = frames(chunk({"content": "Hel"}))
LO = frames(chunk({"content": "lo"}), chunk({}, "stop")) + DONE
LIMITED = json.encode({"error": {"message": "slow", "code": "rate_limit_exceeded"}})


def read_counter(harness: UpstreamHarness, name: str) -> float:
    """Return the value of a counter of the metrics."""
    return harness.metric(f"{name}_total")


class ResponseTests(SynchronousTestCase):
    def test_the_request_has_its_path_headers_and_body(self) -> None:
        harness = UpstreamHarness()
        harness.begin()
        connection = harness.accept()
        self.assertTrue(connection.request_head.startswith(b"post /v1/chat/completions http/1.1\r\n"))
        for header in (
            b"host: upstream.example",
            b"authorization: bearer sk-secret",
            b"content-type: application/json",
            b"content-length: %d" % len(connection.value().partition(b"\r\n\r\n")[2]),
        ):
            self.assertIn(header, connection.request_head)
        self.assertEqual(connection.request_json["messages"], [{"role": "user", "content": "hi"}])
        self.assertIs(connection.request_json["stream"], True)

    def test_a_turn_is_sent_once_its_request_is(self) -> None:
        harness, (request, charge, _) = UpstreamHarness(), metered_context()
        harness.backend.begin(TURN, request, RecordingSink())
        self.assertFalse(charge.sent)
        harness.clock.advance(0)
        self.assertTrue(charge.sent)

    def test_without_a_key_no_authorization_header_is_sent(self) -> None:
        harness = UpstreamHarness(key=None)
        harness.begin()
        self.assertNotIn(b"authorization", harness.accept().request_head)

    def test_every_piece_is_passed_on_at_once_and_settled(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin()
        connection = harness.accept()
        connection.send_head()
        connection.send_chunk(HEL)
        self.assertEqual((sink.text, sink.unsettled, sink.over), ("Hel", 0, False))
        connection.send_chunk(LO)
        self.assertEqual((sink.text, sink.unsettled, sink.over), ("Hello", 0, True))
        self.assertEqual(harness.backend.running, 0)

    def test_the_connection_of_a_complete_response_is_reused(self) -> None:
        harness = UpstreamHarness()
        harness.begin()
        connection = harness.accept()
        connection.send_response(HEL + LO)
        connection.clear()
        sink, _ = harness.begin()
        self.assertEqual((harness.connection_count, connection.aborted), (1, False))
        connection.send_response(HEL + LO)
        self.assertEqual(sink.text, "Hello")
        self.assertEqual(harness.clock.getDelayedCalls()[1:], [], "only the pool's timer is left")

    def test_a_body_that_continues_after_the_end_is_aborted(self) -> None:
        for chatter in (b"", b": more\n\n" * 10_000):
            harness = UpstreamHarness()
            sink, _ = harness.begin()
            connection = harness.accept()
            connection.send_head()
            connection.send_chunk(HEL + LO)
            connection.send_chunk(chatter) if chatter else harness.clock.advance(5)
            self.assertTrue(connection.aborted)
            self.assertEqual(sink.text, "Hello")

    def test_a_response_that_is_not_streamed_is_accepted(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin()
        choice = {"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}
        harness.accept().send_response(json.encode({"choices": [choice]}))
        self.assertEqual((sink.text, sink.over), ("Hello", True))


class HandleTests(SynchronousTestCase):
    def reading(self) -> tuple[UpstreamHarness, RecordingSink, FakeConnection, ITurnHandle]:
        harness = UpstreamHarness()
        sink, handle = harness.begin()
        connection = harness.accept()
        connection.send_head()
        connection.send_chunk(HEL)
        return harness, sink, connection, handle

    def test_cancel_aborts_the_connection_and_sends_no_more_events(self) -> None:
        harness, sink, connection, handle = self.reading()
        received = len(sink.events)
        handle.cancel()
        handle.cancel()
        self.assertTrue(connection.aborted)
        harness.clock.advance(0)
        self.assertEqual((len(sink.events), harness.backend.running), (received, 0))
        self.assertEqual(harness.clock.getDelayedCalls(), [])

    def test_cancel_at_any_moment_leaves_nothing_running(self) -> None:
        for moment in ("begun", "connecting", "sent", "response", "error", "retry"):
            harness = UpstreamHarness()
            sink = RecordingSink()
            handle = harness.backend.begin(TURN, context(), sink)
            connection = None
            if moment != "begun":
                harness.clock.advance(0)
            if moment in ("sent", "response", "error"):
                connection = harness.accept()
            if moment == "response":
                connection.send_head()  # type: ignore[union-attr]
            if moment == "error":
                connection.send_head(500)  # type: ignore[union-attr]
            if moment == "retry":
                harness.refuse()
            handle.cancel()
            harness.clock.advance(1000)
            self.assertTrue(connection is None or connection.aborted, moment)
            self.assertEqual((sink.events, harness.backend.running), ([], 0), moment)
            self.assertLessEqual(harness.connection_count, 1, moment)
            self.assertEqual(harness.clock.getDelayedCalls(), [], moment)

    def test_a_paused_turn_does_not_read_until_it_is_resumed(self) -> None:
        _, sink, connection, handle = self.reading()
        handle.pause()
        self.assertEqual(connection.producerState, "paused")
        handle.resume()
        self.assertEqual(connection.producerState, "producing")
        connection.send_chunk(LO)
        self.assertEqual(sink.text, "Hello")

    def test_a_pause_before_the_response_applies_when_it_arrives(self) -> None:
        harness = UpstreamHarness()
        _, handle = harness.begin()
        handle.pause()
        connection = harness.accept()
        connection.send_head()
        self.assertEqual(connection.producerState, "paused")
        handle.resume()
        self.assertEqual(connection.producerState, "producing")

    def test_the_idle_deadline_is_suspended_while_paused(self) -> None:
        harness, sink, _, handle = self.reading()
        handle.pause()
        harness.clock.advance(500)
        self.assertFalse(sink.over)
        handle.resume()
        harness.clock.pump([60, 61])
        self.assertEqual(sink.kind, "idle_timeout")


class DeadlineTests(SynchronousTestCase):
    SETTINGS = evolve(SETTINGS, first_event_seconds=20.0, idle_seconds=5.0, total_seconds=60.0, retries=0)

    def test_a_response_that_does_not_begin_fails(self) -> None:
        for begin in (False, True):
            harness = UpstreamHarness(self.SETTINGS)
            sink, _ = harness.begin()
            connection = harness.accept()
            if begin:
                connection.send_head()
            harness.clock.advance(19)
            self.assertFalse(sink.over)
            harness.clock.advance(1)
            self.assertEqual((sink.kind, connection.aborted), ("no_first_event", True))
            self.assertEqual(read_counter(harness, "watchdog_no_first_event"), 1)

    def test_bytes_and_pings_without_events_do_not_extend_the_idle_deadline(self) -> None:
        harness = UpstreamHarness(self.SETTINGS)
        sink, _ = harness.begin()
        connection = harness.accept()
        connection.send_head()
        connection.send_chunk(HEL)
        for piece in (b"d", b"a", b": ping\n\n", b"t", b"a"):
            self.assertFalse(sink.over)
            connection.send_chunk(piece)
            harness.clock.advance(1)
        self.assertEqual((sink.kind, connection.aborted), ("idle_timeout", True))

    def test_events_extend_the_idle_deadline_up_to_the_total_one(self) -> None:
        harness = UpstreamHarness(self.SETTINGS)
        sink, _ = harness.begin()
        connection = harness.accept()
        connection.send_head()
        for _ in range(14):
            harness.clock.advance(4)
            connection.send_chunk(HEL)
        self.assertFalse(sink.over)
        harness.clock.advance(4)
        self.assertEqual(sink.kind, "too_long")

    def test_a_response_that_lacks_only_its_end_is_complete(self) -> None:
        harness = UpstreamHarness(self.SETTINGS)
        sink, _ = harness.begin()
        connection = harness.accept()
        connection.send_head()
        connection.send_chunk(HEL + frames(chunk({}, "stop")))
        harness.clock.advance(5)
        self.assertEqual((sink.text, sink.events[-1]), ("Hel", e.Ended("stop")))


class FailureTests(SynchronousTestCase):
    def test_a_failure_after_the_first_event_is_not_retried(self) -> None:
        for clean in (True, False):
            harness = UpstreamHarness()
            sink, _ = harness.begin()
            connection = harness.accept()
            connection.send_head()
            connection.send_chunk(HEL)
            connection.close(clean)
            self.assertEqual((sink.text, sink.kind), ("Hel", "stream_cut"))
            harness.clock.advance(100)
            self.assertEqual(harness.connection_count, 1)

    def test_a_failure_before_the_first_event_is_retried_up_to_the_limit(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin()
        for wait in (0.5, 1.0):
            harness.refuse()
            self.assertEqual(sink.events, [])
            harness.clock.advance(wait - 0.01)
            wanted = harness.connection_count
            harness.clock.advance(0.01)
            self.assertEqual(harness.connection_count, wanted + 1)
        harness.refuse()
        self.assertEqual((sink.kind, read_counter(harness, "upstream_retried")), ("unreachable", 2.0))

    def test_the_client_sees_only_the_successful_retry(self) -> None:
        failures = (
            lambda connection: connection.send_response(b"{}", 503),
            lambda connection: connection.send_response(frames(chunk({"role": "assistant"}), {"error": {"code": 502}})),
            lambda connection: connection.send_response(b""),
            lambda connection: connection.send(b"HTTP/1.1 2oo OK\r\n\r\n"),
            lambda connection: connection.close(),
        )
        for fail in failures:
            harness = UpstreamHarness()
            sink, _ = harness.begin()
            fail(harness.accept())
            harness.clock.advance(0.5)
            harness.accept().send_response(HEL + LO)
            self.assertEqual(sink.text, "Hello")
            self.assertEqual(sink.events[0], e.Began())

    def test_an_unknown_finish_reason_is_retried_while_nothing_was_sent_and_logged(self) -> None:
        whole = {"choices": [{"index": 0, "message": {"content": "Hel"}, "finish_reason": "abort"}]}
        for aborted in (
            frames(chunk({"reasoning": ""}), chunk({"content": "Hel"}, "abort")) + DONE,
            json.encode(whole),
        ):
            harness = UpstreamHarness()
            sink, _ = harness.begin()
            with capturedLogs() as logs:
                harness.accept().send_response(aborted)
            self.assertEqual(sink.events, [])
            (line,) = [formatEvent(entry) or "" for entry in logs if "failed" in (formatEvent(entry) or "")]
            self.assertTrue(line.endswith("model_failed, finish_reason=abort"), line)
            harness.clock.advance(0.5)
            harness.accept().send_response(HEL + LO)
            self.assertEqual((sink.text, sink.events[-1]), ("Hello", e.Ended("stop")))

    def test_an_unknown_finish_reason_after_the_first_event_fails_the_response(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin()
        connection = harness.accept()
        connection.send_head()
        connection.send_chunk(HEL)
        connection.send_chunk(frames(chunk({}, "abort")) + DONE)
        self.assertEqual((sink.text, sink.kind, harness.backend.running), ("Hel", "model_failed", 0))
        harness.clock.advance(100)
        self.assertEqual(harness.connection_count, 1)

    def test_output_that_cannot_be_passed_on_is_named_in_the_log(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin()
        with capturedLogs() as logs:
            harness.accept().send_response(frames(chunk({"audio": {"data": "AA=="}})) + HEL + LO)
        self.assertEqual(sink.text, "Hello")
        lines = [formatEvent(entry) or "" for entry in logs]
        self.assertTrue(any(line.endswith("cannot be passed on: audio") for line in lines), lines)

    def test_retry_after_delays_the_retry_and_is_passed_on(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, retries=1))
        sink, _ = harness.begin()
        harness.accept().send_response(LIMITED, 429, "retry-after: 3")
        harness.clock.advance(2.9)
        self.assertEqual(read_counter(harness, "upstream_retried"), 1)
        harness.clock.advance(0.1)
        harness.accept().send_response(LIMITED, 429, "retry-after: Wed, 21 Oct 2015 07:28:09 GMT")
        (failed,) = sink.events
        assert isinstance(failed, e.Failed)
        self.assertEqual((failed.fault.kind, failed.fault.retry_after_seconds), ("rate_limited", 9.0))

    def test_there_is_no_retry_if_retry_after_is_too_long(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin()
        harness.accept().send_response(LIMITED, 429, "retry-after: 60")
        self.assertEqual(sink.kind, "rate_limited")

    def test_a_client_error_is_not_retried(self) -> None:
        for status, kind in ((400, "invalid_prompt"), (401, "credentials_rejected"), (404, "provider_rejected")):
            harness = UpstreamHarness()
            sink, _ = harness.begin()
            harness.accept().send_response(json.encode({"error": {"message": "no"}}), status)
            self.assertEqual(sink.kind, kind)

    def test_redirects_are_not_followed_because_they_would_leak_the_key(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, retries=0))
        sink, _ = harness.begin()
        harness.accept().send_response(b"", 307, "location: http://elsewhere.example/")
        self.assertEqual((sink.kind, harness.connection_count), ("provider_rejected", 1))

    def test_an_error_body_is_read_up_to_a_limit(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, retries=0))
        sink, _ = harness.begin()
        connection = harness.accept()
        connection.send_head(500)
        connection.send_chunk(b"x" * 70_000)
        self.assertEqual((sink.kind, connection.aborted), ("model_failed", True))

    def test_a_response_over_the_limit_fails(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, max_response_bytes=1000))
        sink, _ = harness.begin()
        connection = harness.accept()
        connection.send_head()
        for _ in range(20):
            connection.send_chunk(HEL)
        self.assertEqual((sink.kind, connection.aborted), ("model_failed", True))

    def test_an_event_over_the_limit_fails_the_response(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, max_event_bytes=100, retries=0))
        sink, _ = harness.begin()
        connection = harness.accept()
        connection.send_head()
        connection.send_chunk(b"data: " + b"x" * 200)
        connection.send_chunk(b"\n\n")
        self.assertEqual((sink.kind, connection.aborted), ("model_failed", True))

    def test_there_is_no_retry_once_the_breaker_is_open(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, breaker_failures=2))
        first, _ = harness.begin()
        harness.refuse()
        second, _ = harness.begin()
        harness.refuse()
        harness.clock.advance(10)
        self.assertEqual((first.kind, second.kind, harness.connection_count), ("circuit_open", "circuit_open", 2))
        self.assertEqual(harness.backend.running, 0)

    def test_an_exception_in_the_translator_fails_only_this_response(self) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError

        for method in ("receive", "close"):
            harness = UpstreamHarness()
            sink, _ = harness.begin()
            connection = harness.accept()
            connection.send_head()
            connection.send_chunk(HEL)
            patch = self.patch(ChatTranslator, method, broken)
            connection.send_chunk(HEL)
            if method == "close":
                connection.close()
            patch.restore()
            self.assertEqual((sink.kind, read_counter(harness, "internal_error")), ("internal", 1))
            self.assertEqual(len(self.flushLoggedErrors()), 0)
            self.assertEqual(harness.backend.running, 0)

    def test_a_request_that_cannot_be_sent_fails_the_response(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, retries=0))
        self.patch(harness.client, "request", lambda *_: 1 / 0)
        sink, _ = harness.begin()
        self.assertEqual(sink.kind, "unreachable")


class ContextTests(SynchronousTestCase):
    def test_every_attempt_carries_the_request_id_and_the_trace_context(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, retries=1))
        harness.begin(context=context("req_Abc.1"))
        harness.accept().send_response(b"", 503)
        harness.clock.advance(60)
        for head in (connection.value() for connection in harness.connections):
            headers = _parse_headers(head)
            self.assertEqual(headers.getRawHeaders("x-request-id"), ["req_Abc.1"])
            self.assertEqual(headers.getRawHeaders("traceparent"), [TRACEPARENT])
            self.assertEqual(headers.getRawHeaders("authorization"), ["Bearer sk-secret"])

    def test_one_request_does_not_carry_the_id_of_another(self) -> None:
        harness = UpstreamHarness()
        for id in ("req_1", "req_2"):
            harness.begin(context=context(id))
            self.assertIn(f"x-request-id: {id}".encode(), harness.accept().request_head)
            self.assertEqual(harness.accept().request_head.count(b"x-request-id"), 1)
        harness.client.request("GET", "models")
        self.assertNotIn(b"x-request-id", harness.accept().request_head, "no client asks for the list of models")

    def test_the_record_names_the_upstream(self) -> None:
        asked = context()
        asked.record.set_backend("codex", "plain-0", "thread-1")
        UpstreamHarness().begin(context=asked)
        self.assertEqual((asked.record.backend, asked.record.worker, asked.record.thread), ("up", "", ""))

    def test_the_deadline_of_the_request_ends_the_response_retries_included(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin(context=context(deadline=harness.clock.seconds() + 7))
        harness.accept().send_head()
        harness.clock.advance(6.9)
        self.assertIsNone(sink.kind)
        harness.clock.advance(0.1)
        self.assertEqual(sink.kind, "too_long")

    def test_a_request_whose_time_is_over_fails_after_it_has_begun(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin(context=context(deadline=harness.clock.seconds() - 1))
        self.assertEqual((sink.kind, harness.backend.running), ("too_long", 0))

    def test_an_exception_is_logged_with_the_request_id(self) -> None:
        harness = UpstreamHarness()
        harness.begin(context=context("req_1"))
        connection = harness.accept()
        connection.send_head()
        self.patch(ChatTranslator, "receive", lambda *_: 1 / 0)
        with capturedLogs() as logged:
            connection.send_chunk(HEL)
        (event,) = logged
        self.assertEqual(event["id"], "req_1")
        self.assertIn("Request req_1: ", formatEvent(event))


def _parse_headers(request: bytes) -> Headers:
    """Return the headers of a request."""
    headers = Headers()
    for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b": ")
        headers.addRawHeader(name, value)
    return headers
