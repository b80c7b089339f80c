"""Upstreams that fail, and what the real `openai` package makes of it."""

from typing import Any

import openai

from codexd.wire.json import Json, decode
from tests.support import chat_stream, responses_stream
from tests.support.live import CHAT, RESPONSES, user
from tests.support.live_upstream import NEAR, ODD, UpstreamTestCase, servers
from tests.support.loopback import Call
from tests.support.odd_upstream import RETRY_AFTER
from tests.support.system import until

PROMISED_SECONDS = 0.1
ATTEMPTS = 5
"""One of them must keep the promise: a loaded machine delays some, a defect delays all."""


class FailureTests(UpstreamTestCase):
    def failed(self, model: str, said: str = "say: x", **more: Any) -> openai.APIStatusError:
        """Give the exception that a program sees."""
        return self.assertRaises(openai.APIStatusError, self.ask, said, model, **more)

    def streamed(self, model: str, said: str = "say: x") -> chat_stream.Streamed:
        """Read a chat stream to its end."""
        asked = {"model": model, "messages": user(said), "stream": True}
        return chat_stream.read(self.daemon.call(CHAT, asked).answer().body)

    def test_what_an_upstream_refuses_is_told_as_whose_fault_it_is(self) -> None:
        for status, seen, code, again in (
            (400, 400, "invalid_prompt", RETRY_AFTER),
            (401, 502, "model_refused_us", RETRY_AFTER),
            (403, 502, "model_refused_us", RETRY_AFTER),
            (404, 502, "model_refused_us", RETRY_AFTER),
            (429, 429, "rate_limit_exceeded", RETRY_AFTER),
            (500, 502, "model_failed", RETRY_AFTER),
            (503, 503, "overloaded", RETRY_AFTER),
        ):
            for stream in (False, True):
                error = self.failed(f"{ODD}status-{status}", stream=stream)
                headers = error.response.headers
                found = error.status_code, error.code, headers.get("retry-after")
                self.assertEqual(found, (seen, code, again), status)
                # Its own words are for the client where they are about the request.
                self.assertEqual("secret" in error.message, status == 400)

    def test_the_model_s_own_failures_at_the_other_dialect(self) -> None:
        for said, status, code in (
            ("fail: 429", 429, "rate_limit_exceeded"),
            ("fail: context_length_exceeded", 400, "context_length_exceeded"),
            ("fail: insufficient_quota", 429, "insufficient_quota"),
            ("cut: in the middle", 502, "stream_cut"),
            ("garble: in the middle", 502, "model_failed"),
        ):
            error = self.failed(NEAR, said)
            self.assertEqual((error.status_code, error.code), (status, code), said)

    def test_one_that_is_not_there(self) -> None:
        error = self.failed("gone/lost")
        self.assertEqual((error.status_code, error.code), (503, "unreachable"))
        self.assertEqual(self.daemon.get("/readyz").status, 200)

    def test_what_may_pass_by_itself_is_asked_again_and_counted(self) -> None:
        servers().odd.failing = 2
        repeated = self.daemon.metric("codexd_upstream_repeated_total")
        before = len(servers().odd.asked)
        self.assertEqual(self.ask("say: x", ODD + "flaky").choices[0].message.content, "at last")
        self.assertEqual(self.daemon.metric("codexd_upstream_repeated_total"), repeated + 2)
        asked = servers().odd.asked[before:]
        self.assertEqual((len(asked), asked[0]), (3, asked[2]))

    def test_one_torn_in_the_middle_ends_with_one_error_and_is_not_made_again(self) -> None:
        before = len(servers().odd.asked)
        seen = self.streamed(ODD + "torn")
        said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in seen.chunks)
        assert seen.error is not None
        self.assertEqual((said, seen.error["code"], seen.done), ("some words", "stream_cut", False))
        body = {"model": ODD + "torn", "input": "x", "stream": True}
        events = [decode(frame.data) for frame in self.daemon.call(RESPONSES, body).frames()]
        ends = [event["type"] for event in events if event["type"] in responses_stream.TERMINAL]
        self.assertEqual((ends, events[-1]["type"]), (["response.failed"], "response.failed"))
        self.assertEqual(len(servers().odd.asked), before + 2)

    def test_one_that_drips_is_cut(self) -> None:
        left = servers().odd.left
        seen = self.streamed(ODD + "drip")
        assert seen.error is not None
        self.assertEqual((seen.error["code"], len(seen.chunks) > 0), ("idle", True))
        until(lambda: servers().odd.left == left + 1, "its connection is gone")


class FallbackTests(UpstreamTestCase):
    def test_another_is_asked_when_one_is_down_overloaded_limited_or_does_not_know_us(self) -> None:
        taken = self.daemon.metric("codexd_fallback_taken_total")
        asked = len(servers().odd.asked)
        answer = self.ask("say: safe", "safe")
        self.assertEqual((answer.choices[0].message.content, answer.model), ("safe", "safe"))
        self.assertEqual(self.daemon.metric("codexd_fallback_taken_total"), taken + 4)
        self.assertEqual(len({body["model"] for body in servers().odd.asked[asked:]}), 3)

    def test_codex_stands_in_for_an_upstream_at_every_door(self) -> None:
        client = self.daemon.client()
        text = "".join(
            chunk.choices[0].delta.content or "" for chunk in self.ask("say: home", "homeward", stream=True)
        )
        self.assertEqual(text, "home")
        response = self.respond("say: home", "homeward")
        self.assertEqual(response.output_text, "home")
        self.assertEqual(
            self.respond("say: more", "homeward", previous_response_id=response.id).output_text, "more"
        )
        self.assertEqual(
            client.completions.create(model="homeward", prompt="say: home").choices[0].text, "home"
        )

    def test_a_request_that_is_wrong_is_asked_nowhere_else(self) -> None:
        taken = self.daemon.metric("codexd_fallback_taken_total")
        error = self.assertRaises(openai.BadRequestError, self.ask, "fail: 400", "safe")
        self.assertEqual(error.status_code, 400)
        # The upstreams before the one that refuses it had their own reasons.
        self.assertEqual(self.daemon.metric("codexd_fallback_taken_total"), taken + 4)


class BreakerTests(UpstreamTestCase):
    def test_one_that_keeps_failing_is_left_alone_and_tried_again(self) -> None:
        odd, daemon = servers().odd, self.daemon
        up = 'codexd_upstream_up{upstream="frail"}'
        self.assertEqual(daemon.metric(up), 1)
        for _ in range(2):
            self.assertRaises(openai.InternalServerError, self.ask, "x", "frail/status-500")
        asked = len(odd.asked)
        error = self.assertRaises(openai.InternalServerError, self.ask, "x", "frail/hello")
        self.assertEqual((error.status_code, error.code), (503, "unreachable"))
        self.assertIn(error.response.headers["retry-after"], ("1", "2"))
        self.assertEqual((len(odd.asked), daemon.metric(up)), (asked, 0))
        self.assertEqual(daemon.get("/readyz").status, 200)
        until(lambda: daemon.metric(up) == 1, "it may be tried again")
        self.assertEqual(self.ask("x", "frail/hello").choices[0].message.content, "hello")


class LeavingTests(UpstreamTestCase):
    def leave(self, call: Call) -> float:
        """Leave an answer, and give how long its model went on."""
        until(lambda: servers().scripted.open == 1, "the model answers")
        call.drop()
        return until(lambda: servers().scripted.open == 0, "the model stops")

    def test_a_client_that_leaves_has_its_upstream_stopped_at_once(self) -> None:
        hanging: Json = {"model": NEAR, "messages": user("hang:")}
        slow: Json = {"model": NEAR, "messages": user("slow: 400")}
        for asked in (slow | {"stream": True}, slow, hanging | {"stream": True}):
            left = self.ended("near", "cancelled")
            taken = [self.leave(self.daemon.call(CHAT, asked))]
            while min(taken) > PROMISED_SECONDS and len(taken) < ATTEMPTS:
                taken.append(self.leave(self.daemon.call(CHAT, asked)))
            self.assertLess(min(taken), PROMISED_SECONDS, taken)
            self.assertEqual(self.ended("near", "cancelled"), left + len(taken))
