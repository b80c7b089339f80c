"""Tests of codexd.upstream.backend: model names, concurrency, circuit breaker, model list."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.neutral.fault import FaultError
from codexd.neutral.model import ModelCard
from codexd.neutral.turn import AudioPart, Message, TextPart, Turn
from codexd.settings import Upstream
from codexd.settings.upstream import STATE_FIELDS
from codexd.upstream.backend import build_capabilities
from codexd.wire import json
from tests.support.chat_chunks import DONE, chunk, frames
from tests.support.contexts import context
from tests.support.fake_upstream import SETTINGS, TURN, FakeConnection, UpstreamHarness

WHOLE = frames(chunk({"content": "Hello"}), chunk({}, "stop")) + DONE
LISTED = json.encode({"data": [{"id": "small", "created": 7, "owned_by": "me"}]})


class BeginTests(SynchronousTestCase):
    def refusal(self, harness: UpstreamHarness, turn: Turn = TURN) -> Any:
        return self.assertRaises(FaultError, harness.begin, turn).fault

    def test_the_upstream_gets_its_own_name_of_the_model(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, prefix="up/", models=("tiny=tiny:1b",), pass_unlisted=False))
        harness.begin(evolve(TURN, model="up/tiny"))
        self.assertEqual(harness.accept().request_json["model"], "tiny:1b")
        self.assertEqual(self.refusal(harness, evolve(TURN, model="tiny")).kind, "unknown_model")

    def test_responses_over_max_connections_are_refused_as_busy(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, max_connections=1))
        _, handle = harness.begin()
        self.assertEqual(self.refusal(harness).kind, "busy")
        handle.cancel()
        harness.begin()

    def test_a_check_refuses_what_begin_refuses_whatever_the_history_is(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, max_connections=1, prefix="up/", models=("m",), pass_unlisted=False))
        asked = evolve(TURN, model="up/m")
        harness.backend.check(asked)
        refused = self.assertRaises(FaultError, harness.backend.check, evolve(TURN, model="other")).fault
        self.assertEqual(refused.kind, "unknown_model")
        harness.begin(asked)
        harness.backend.check(asked)

    def test_unsupported_content_is_refused_without_a_request(self) -> None:
        harness = UpstreamHarness()
        sound = evolve(TURN, items=(Message(role="user", parts=(AudioPart("AA==", "wav"),)),))
        self.assertEqual(self.refusal(harness, sound).kind, "unsupported")
        self.assertEqual((harness.backend.running, harness.connection_count), (0, 0))

    def test_the_handle_lists_the_fields_that_were_not_sent(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, omit_fields=("temperature",)))
        _, handle = harness.begin(evolve(TURN, ignored=("top_k",), sampling=evolve(TURN.sampling, temperature=1)))
        self.assertEqual(handle.ignored, ("top_k", "temperature"))

    def test_a_history_that_is_too_long_is_truncated_if_the_request_allows_it(self) -> None:
        harness = UpstreamHarness()
        card = ModelCard(id="m", context_window=1000)
        harness.backend.upstream_models = evolve(harness.backend.upstream_models, listed=(card,))
        items = tuple(Message(role="user", parts=(TextPart(f"{number} " + "x" * 2000),)) for number in range(4))
        for truncation, shown in (("auto", "3"), ("disabled", "0")):
            harness.begin(evolve(TURN, items=items, truncation=truncation))
            self.assertEqual(harness.accept().request_json["messages"][0]["content"][:1], shown)
        self.assertEqual(harness.counter("turn_truncated"), 1)

    def test_the_capabilities_are_built_from_the_settings(self) -> None:
        settings = Upstream(
            name="a",
            base_url="http://x",
            developer_role=True,
            images=False,
            omit_fields=("seed",),
            rename_fields=("seed=random_seed",),
            effort_names=("xhigh=high", "minimal="),
            system_messages="separate",
            tool_call_ids="9-alphanumeric",
        )
        self.assertEqual(
            build_capabilities(settings),
            ServerCapabilities(
                developer_role=True,
                images=False,
                omit=("seed",),
                rename=(("seed", "random_seed"),),
                effort_names=(("xhigh", "high"), ("minimal", "")),
                merge_system=False,
                short_call_ids=True,
                state=STATE_FIELDS,
            ),
        )


class BreakerTests(SynchronousTestCase):
    def broken(self) -> UpstreamHarness:
        harness = UpstreamHarness(evolve(SETTINGS, retries=0, breaker_failures=2, breaker_seconds=30.0))
        for _ in range(2):
            sink, _ = harness.begin()
            harness.refuse()
            self.assertEqual(sink.kind, "unreachable")
        return harness

    def test_the_breaker_opens_after_failures_in_a_row(self) -> None:
        harness = self.broken()
        self.assertFalse(harness.backend.ready())
        refused = self.assertRaises(FaultError, harness.begin).fault
        self.assertEqual((refused.kind, refused.retry_after_seconds), ("circuit_open", 30.0))
        self.assertTrue(refused.message.startswith("Circuit open"))
        self.assertEqual((harness.connection_count, harness.counter("upstream_breaker_open")), (2, 1.0))
        status = harness.backend.status(queued=3)
        self.assertEqual((status.circuit_is_open, status.is_ready, status.queued), (True, False, 3))

    def test_metrics_count_the_outcomes_and_show_whether_the_upstream_is_up(self) -> None:
        harness = self.broken()
        ended = 'upstream_requests_total{{outcome="{}",upstream="up"}}'.format
        self.assertEqual((harness.metric(ended("unreachable")), harness.metric('upstream_up{upstream="up"}')), (2, 0))
        harness.clock.advance(30)
        harness.begin()
        harness.accept().send_response(WHOLE)
        harness.begin()[1].cancel()
        self.assertEqual((harness.metric(ended("ok")), harness.metric(ended("cancelled"))), (1, 1))
        self.assertEqual(harness.metric('upstream_up{upstream="up"}'), 1)

    def test_a_successful_probe_closes_the_breaker(self) -> None:
        harness = self.broken()
        harness.clock.advance(30)
        self.assertTrue(harness.backend.ready())
        sink, _ = harness.begin()
        self.assertRaises(FaultError, harness.begin)
        harness.accept().send_response(WHOLE)
        self.assertEqual(sink.text, "Hello")
        harness.begin()

    def test_a_probe_has_succeeded_with_its_first_event(self) -> None:
        harness = self.broken()
        harness.clock.advance(30)
        harness.begin()
        connection = harness.accept()
        connection.send_head()
        self.assertRaises(FaultError, harness.begin)
        connection.send_chunk(frames(chunk({"content": "x"})))
        harness.begin()

    def test_a_cancelled_probe_allows_another_one(self) -> None:
        harness = self.broken()
        harness.clock.advance(30)
        harness.begin()[1].cancel()
        harness.begin()

    def test_the_retries_of_one_request_count_as_one_failure(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, retries=2, breaker_failures=2))
        for _ in range(2):
            sink, _ = harness.begin()
            for _ in range(3):
                harness.accept().send_response(b"{}", 500, "connection: close")
                harness.clock.advance(10)
            self.assertEqual(sink.kind, "model_failed")
        self.assertEqual(self.assertRaises(FaultError, harness.begin).fault.kind, "circuit_open")

    def test_the_broken_streams_of_one_principal_do_not_affect_others(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, retries=0, breaker_failures=2, breaker_seconds=30.0))
        for answer in (
            lambda connection: (connection.send_head(), connection.send_chunk(frames(chunk({"content": "x"})))),
            lambda connection: None,
        ):
            sink, _ = harness.begin()
            connection = harness.accept()
            answer(connection)
            connection.close(clean=False)
            self.assertIn(sink.kind, ("stream_cut", "unreachable"))
        self.assertEqual(self.assertRaises(FaultError, harness.begin).fault.kind, "circuit_open")
        self.assertTrue(harness.backend.ready())
        sink, _ = harness.begin(context=evolve(context(), principal="another"))
        harness.accept().send_response(WHOLE)
        self.assertEqual(sink.text, "Hello")
        self.assertRaises(FaultError, harness.begin)
        harness.clock.advance(30)
        harness.begin()

    def test_the_failures_of_several_principals_open_it_for_all(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, retries=0, breaker_failures=2))
        for name in ("one", "two"):
            self.assertTrue(harness.backend.ready())
            harness.begin(context=evolve(context(), principal=name))
            harness.accept().send_response(b"{}", 500, "connection: close")
        self.assertFalse(harness.backend.ready())
        self.assertRaises(FaultError, harness.begin, context=evolve(context(), principal="three"))

    def test_a_client_error_is_not_counted_as_a_failure(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, breaker_failures=1))
        for status in (400, 401, 404, 429):
            harness.begin()
            harness.accept().send_response(b"{}", status, "retry-after: 60")
            self.assertTrue(harness.backend.ready(), status)


class ListTests(SynchronousTestCase):
    def refresh(self, harness: UpstreamHarness, answer: Any) -> None:
        done = Deferred.fromCoroutine(harness.backend.refresh())
        answer(harness.accept())
        self.successResultOf(done)

    def test_the_list_of_models_is_read(self) -> None:
        harness = UpstreamHarness(evolve(SETTINGS, prefix="up/"))
        self.assertEqual(harness.backend.models(), ())
        wires: list[FakeConnection] = []
        self.refresh(harness, lambda connection: (wires.append(connection), connection.send_response(LISTED)))
        self.assertEqual(harness.backend.models(), (ModelCard(id="up/small", created=7, owned_by="me"),))
        self.assertTrue(wires[0].request_head.startswith(b"get /v1/models http/1.1"))
        self.assertIn(b"authorization: bearer sk-secret", wires[0].request_head)

    def test_the_last_list_stays_if_the_next_cannot_be_read(self) -> None:
        harness = UpstreamHarness()
        self.refresh(harness, lambda connection: connection.send_response(LISTED))
        listed = harness.backend.models()
        self.refresh(harness, lambda connection: connection.send_response(b"<html>", 502, "connection: close"))
        self.refresh(harness, lambda connection: connection.send_response(b"<html>"))
        self.refresh(harness, lambda connection: (connection.close(), harness.refuse()))
        self.assertEqual(harness.backend.models(), listed)

    def test_a_list_that_failed_to_load_is_due_again_soon(self) -> None:
        harness = UpstreamHarness()
        self.assertTrue(harness.backend.list_due)
        done = Deferred.fromCoroutine(harness.backend.refresh())
        harness.refuse()
        self.successResultOf(done)
        harness.clock.advance(9)
        self.assertFalse(harness.backend.list_due)
        harness.clock.advance(1)
        self.assertTrue(harness.backend.list_due)
        self.refresh(harness, lambda connection: connection.send_response(LISTED))
        harness.clock.advance(299)
        self.assertFalse(harness.backend.list_due)
        harness.clock.advance(1)
        self.assertTrue(harness.backend.list_due)

    def test_it_is_not_ready_before_the_list_was_read(self) -> None:
        for status, ready in ((200, True), (404, True), (503, False)):
            harness = UpstreamHarness(evolve(SETTINGS, pass_unlisted=False))
            self.assertFalse(harness.backend.ready())
            self.assertEqual(self.assertRaises(FaultError, harness.begin).fault.kind, "not_ready")
            self.refresh(harness, lambda connection, status=status: connection.send_response(LISTED, status))
            refused = self.assertRaises(FaultError, harness.begin).fault.kind
            expected = "unknown_model" if ready else "not_ready"
            self.assertEqual((harness.backend.ready(), refused), (ready, expected))

    def test_an_upstream_without_a_list_is_not_asked_again_soon(self) -> None:
        harness = UpstreamHarness()
        for status in (401, 404):
            done = Deferred.fromCoroutine(harness.backend.refresh())
            harness.accept().send_response(b"{}", status, "connection: close")
            self.successResultOf(done)
            harness.clock.advance(10)
            self.assertFalse(harness.backend.list_due)

    def test_reading_the_list_times_out(self) -> None:
        harness = UpstreamHarness()
        for begin in (lambda connection: None, lambda connection: connection.send_head()):
            done = Deferred.fromCoroutine(harness.backend.refresh())
            connection = harness.accept()
            begin(connection)
            harness.clock.advance(31)
            self.successResultOf(done)
            self.assertTrue(connection.aborted)

    def test_a_cancelled_refresh_fails_with_cancelled_error(self) -> None:
        harness = UpstreamHarness()
        done = Deferred.fromCoroutine(harness.backend.refresh())
        harness.accept()
        done.cancel()
        self.failureResultOf(done, CancelledError)

    def test_close_cancels_every_response(self) -> None:
        harness = UpstreamHarness()
        sink, _ = harness.begin()
        connection = harness.accept()
        self.successResultOf(Deferred.fromCoroutine(harness.backend.close()))
        self.assertTrue(connection.aborted)
        self.assertEqual((sink.events, harness.backend.running), ([], 0))
