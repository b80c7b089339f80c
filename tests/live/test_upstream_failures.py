"""Failing upstreams as the `openai` package reports them."""

from typing import Any

import openai

from codexd.wire.json import Json, decode
from tests.support import chat_stream, responses_stream
from tests.support.faulty_upstream import RETRY_AFTER
from tests.support.http_client import PendingRequest
from tests.support.live_daemon import CHAT, RESPONSES, user
from tests.support.live_upstreams import FAULTY, NEAR, UpstreamTestCase, servers
from tests.support.processes import wait_until
from tests.support.provider_failures import FAILURES

PROMISED_SECONDS = 0.1
ATTEMPTS = 5
"""One of them must keep the promise: a loaded machine delays some, a defect delays all."""


class FailureTests(UpstreamTestCase):
    def failed(self, model: str, said: str = "say: x", **more: Any) -> openai.APIStatusError:
        """Return the exception that the package raises."""
        return self.assertRaises(openai.APIStatusError, self.ask, said, model, **more)

    def streamed(self, model: str, said: str = "say: x") -> chat_stream.ChatStream:
        """Read a chat stream to its end."""
        asked = {"model": model, "messages": user(said), "stream": True}
        return chat_stream.read(self.daemon.call(CHAT, asked).read().body)

    def test_upstream_errors_are_attributed_to_client_or_upstream(self) -> None:
        for status, seen, code, again in (
            (400, 400, "invalid_prompt", RETRY_AFTER),
            (401, 502, "credentials_rejected", RETRY_AFTER),
            (403, 502, "credentials_rejected", RETRY_AFTER),
            (404, 502, "provider_rejected", RETRY_AFTER),
            (429, 429, "rate_limit_exceeded", RETRY_AFTER),
            (500, 502, "model_failed", RETRY_AFTER),
            (503, 503, "overloaded", RETRY_AFTER),
        ):
            for stream in (False, True):
                error = self.failed(f"{FAULTY}status-{status}", stream=stream)
                headers = error.response.headers
                found = error.status_code, error.code, headers.get("retry-after")
                self.assertEqual(found, (seen, code, again), status)
                # The upstream's message reaches the client if it concerns the request.
                self.assertEqual("secret" in error.message, status == 400)

    def test_a_provider_s_errors_are_the_same_failures_as_over_codex(self) -> None:
        # Codex reports the other one like a stream that was cut.
        for failure in FAILURES:
            if failure.said.startswith("fail:") and failure.said != "fail: something_else":
                for stream in (False, True):
                    error = self.failed(NEAR, failure.said, stream=stream)
                    found = type(error), error.status_code, error.type, error.code
                    self.assertEqual(found, (failure.raised, failure.status, failure.type, failure.code), failure.said)
                    self.assertEqual(error.response.headers.get("x-should-retry"), failure.should_retry, failure.said)
                    self.ask("say: x")  # so that the circuit breaker stays closed

    def test_model_failures_at_the_responses_endpoint(self) -> None:
        for said, status, code in (
            ("fail: 429", 429, "rate_limit_exceeded"),
            ("fail: context_length_exceeded", 400, "context_length_exceeded"),
            ("fail: insufficient_quota", 429, "insufficient_quota"),
            ("cut: in the middle", 502, "stream_cut"),
            ("garble: in the middle", 502, "model_failed"),
        ):
            error = self.failed(NEAR, said)
            self.assertEqual((error.status_code, error.code), (status, code), said)

    def test_an_unreachable_upstream(self) -> None:
        error = self.failed("gone/lost")
        self.assertEqual((error.status_code, error.code), (503, "unreachable"))
        self.assertEqual(self.daemon.get("/readyz").status, 200)

    def test_transient_errors_are_retried_and_counted(self) -> None:
        servers().faulty.failing = 2
        repeated = self.daemon.metric("codexd_upstream_retried_total")
        before = len(servers().faulty.requests)
        self.assertEqual(self.ask("say: x", FAULTY + "flaky").choices[0].message.content, "at last")
        self.assertEqual(self.daemon.metric("codexd_upstream_retried_total"), repeated + 2)
        asked = servers().faulty.requests[before:]
        self.assertEqual((len(asked), asked[0]), (3, asked[2]))

    def test_a_connection_reset_mid_stream_ends_with_one_error_and_no_retry(self) -> None:
        before = len(servers().faulty.requests)
        seen = self.streamed(FAULTY + "torn")
        said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in seen.chunks)
        assert seen.error is not None
        self.assertEqual((said, seen.error["code"], seen.done), ("some words", "stream_cut", False))
        body = {"model": FAULTY + "torn", "input": "x", "stream": True}
        events = [decode(frame.data) for frame in self.daemon.call(RESPONSES, body).frames()]
        ends = [event["type"] for event in events if event["type"] in responses_stream.TERMINAL]
        self.assertEqual((ends, events[-1]["type"]), (["response.failed"], "response.failed"))
        self.assertEqual(len(servers().faulty.requests), before + 2)

    def test_a_dripping_response_is_aborted(self) -> None:
        left = servers().faulty.disconnects
        seen = self.streamed(FAULTY + "drip")
        assert seen.error is not None
        self.assertEqual((seen.error["code"], len(seen.chunks) > 0), ("idle_timeout", True))
        wait_until(lambda: servers().faulty.disconnects == left + 1, "its connection is gone")


class FallbackTests(UpstreamTestCase):
    def test_fallbacks_are_tried_for_every_kind_of_unavailability(self) -> None:
        taken = self.daemon.metric("codexd_fallback_used_total")
        asked = len(servers().faulty.requests)
        answer = self.ask("say: safe", "safe")
        self.assertEqual((answer.choices[0].message.content, answer.model), ("safe", "safe"))
        self.assertEqual(self.daemon.metric("codexd_fallback_used_total"), taken + 4)
        self.assertEqual(len({body["model"] for body in servers().faulty.requests[asked:]}), 3)

    def test_codex_is_the_fallback_of_an_upstream_at_every_endpoint(self) -> None:
        client = self.daemon.client()
        text = "".join(chunk.choices[0].delta.content or "" for chunk in self.ask("say: home", "homeward", stream=True))
        self.assertEqual(text, "home")
        response = self.respond("say: home", "homeward")
        self.assertEqual(response.output_text, "home")
        self.assertEqual(self.respond("say: more", "homeward", previous_response_id=response.id).output_text, "more")
        self.assertEqual(client.completions.create(model="homeward", prompt="say: home").choices[0].text, "home")

    def test_an_invalid_request_is_not_sent_to_fallbacks(self) -> None:
        taken = self.daemon.metric("codexd_fallback_used_total")
        error = self.assertRaises(openai.BadRequestError, self.ask, "fail: 400", "safe")
        self.assertEqual(error.status_code, 400)
        # The upstreams before it failed for other reasons.
        self.assertEqual(self.daemon.metric("codexd_fallback_used_total"), taken + 4)


class BreakerTests(UpstreamTestCase):
    def test_the_circuit_breaker_opens_and_closes_again(self) -> None:
        faulty, daemon = servers().faulty, self.daemon
        up = 'codexd_upstream_up{upstream="frail"}'
        self.assertEqual(daemon.metric(up), 1)
        for _ in range(2):
            self.assertRaises(openai.InternalServerError, self.ask, "x", "frail/status-500")
        asked = len(faulty.requests)
        error = self.assertRaises(openai.InternalServerError, self.ask, "x", "frail/hello")
        self.assertEqual((error.status_code, error.code), (503, "circuit_open"))
        self.assertIn(error.response.headers["retry-after"], ("1", "2"))
        # Other principals may still use it.
        self.assertEqual((len(faulty.requests), daemon.metric(up)), (asked, 1))
        self.assertEqual(daemon.get("/readyz").status, 200)
        body = {"model": "frail/hello", "messages": user("x")}
        wait_until(lambda: daemon.post(CHAT, body).status == 200, "it may be tried again")
        self.assertEqual(self.ask("x", "frail/hello").choices[0].message.content, "hello")


class ClientDisconnectTests(UpstreamTestCase):
    def leave(self, call: PendingRequest) -> float:
        """Disconnect from an answer and return how many seconds its model continued."""
        wait_until(lambda: servers().scripted.open == 1, "the model answers")
        call.disconnect()
        return wait_until(lambda: servers().scripted.open == 0, "the model stops")

    def test_a_disconnect_stops_the_upstream_at_once(self) -> None:
        hanging: Json = {"model": NEAR, "messages": user("hang:")}
        slow: Json = {"model": NEAR, "messages": user("slow: 400")}
        for asked in (slow | {"stream": True}, slow, hanging | {"stream": True}):
            left = self.outcome_count("near", "cancelled")
            taken = [self.leave(self.daemon.call(CHAT, asked))]
            while min(taken) > PROMISED_SECONDS and len(taken) < ATTEMPTS:
                taken.append(self.leave(self.daemon.call(CHAT, asked)))
            self.assertLess(min(taken), PROMISED_SECONDS, taken)
            self.assertEqual(self.outcome_count("near", "cancelled"), left + len(taken))
