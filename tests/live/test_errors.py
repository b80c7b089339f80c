"""Every way to fail, as the real package shows it to a program; and what the list of models says."""

from typing import Any

import openai
from attrs import frozen

from codexd.wire.json import Json, decode
from tests.support.live import CHAT, RESPONSES, LiveTestCase, Setup, user
from tests.support.system import until


@frozen
class Failure:
    """How one failure looks from outside; None for a header that must not be there."""

    said: str
    raised: type[openai.APIStatusError]
    status: int
    type: str
    code: str
    retry_after: str | None = None
    should_retry: str | None = None


BAD, RATE, SERVER = openai.BadRequestError, openai.RateLimitError, openai.InternalServerError
INVALID, BROKEN = "invalid_request_error", "server_error"

FAILURES = (
    Failure("fail: 400", BAD, 400, INVALID, "invalid_prompt", None, "false"),
    Failure("fail: context_length_exceeded", BAD, 400, INVALID, "context_length_exceeded", None, "false"),
    # The child does not tell these two from failures of the provider's own.
    Failure("fail: invalid_prompt", SERVER, 502, BROKEN, "model_failed"),
    Failure("fail: something_else", SERVER, 502, BROKEN, "stream_cut"),
    Failure("fail: 401", SERVER, 502, BROKEN, "model_refused_us"),
    Failure("fail: 403", SERVER, 502, BROKEN, "model_refused_us"),
    Failure("fail: 404", SERVER, 502, BROKEN, "model_refused_us"),
    Failure("fail: 429", RATE, 429, "requests", "rate_limit_exceeded"),
    Failure("fail: rate_limit_exceeded", RATE, 429, "requests", "rate_limit_exceeded", "1"),
    Failure("fail: insufficient_quota", RATE, 429, "insufficient_quota", "insufficient_quota", None, "false"),
    Failure("fail: 500", SERVER, 502, BROKEN, "model_failed"),
    Failure("fail: 503", SERVER, 503, BROKEN, "overloaded", "5"),
    Failure("fail: server_is_overloaded", SERVER, 503, BROKEN, "overloaded", "5"),
    Failure("cut: in the middle", SERVER, 502, BROKEN, "stream_cut"),
)


class FailureTests(LiveTestCase):
    def check(self, failure: Failure, error: openai.APIStatusError) -> None:
        headers = error.response.headers
        self.assertIs(type(error), failure.raised, failure.said)
        self.assertEqual(
            (error.status_code, error.type, error.code, headers.get("retry-after")),
            (failure.status, failure.type, failure.code, failure.retry_after),
            failure.said,
        )
        self.assertEqual(headers.get("x-should-retry"), failure.should_retry, failure.said)
        self.assertTrue(error.request_id)
        self.assertTrue(error.message)

    def test_the_model_s_failures_are_exceptions_of_the_right_kind_at_both_doors(self) -> None:
        client = self.daemon.client()
        for failure in FAILURES:
            error = self.assertRaises(
                openai.APIStatusError,
                client.chat.completions.create, model="scripted", messages=user(failure.said),
            )  # fmt: skip
            self.check(failure, error)
            error = self.assertRaises(
                openai.APIStatusError, client.responses.create, model="scripted", input=failure.said
            )
            self.check(failure, error)

    def test_a_stream_that_fails_before_its_first_byte_is_an_http_error(self) -> None:
        client = self.daemon.client()
        for failure in FAILURES:
            if failure.said.startswith("fail:"):
                asked: Any = {"model": "scripted", "messages": user(failure.said), "stream": True}
                error = self.assertRaises(openai.APIStatusError, client.chat.completions.create, **asked)
                self.check(failure, error)

    def test_a_chat_stream_that_breaks_later_ends_in_one_error_and_nothing_after(self) -> None:
        chunks = self.daemon.client().chat.completions.create(
            model="scripted", messages=user("cut: one two"), stream=True
        )
        said: list[str] = []

        def read() -> None:
            for chunk in chunks:
                said.append(chunk.choices[0].delta.content or "")
                self.assertIsNone(chunk.choices[0].finish_reason)

        error = self.assertRaises(openai.APIError, read)
        self.assertEqual(("".join(said), error.code), ("one two", "stream_cut"))
        frames = [
            frame.data
            for frame in self.daemon.call(CHAT, self.daemon.question("cut: x", stream=True)).frames()
        ]
        self.assertIn("error", decode(frames[-1]))
        self.assertEqual(sum(b'"error"' in data for data in frames), 1)

    def test_a_responses_stream_that_breaks_later_ends_in_one_failed_event(self) -> None:
        with self.daemon.client().responses.stream(model="scripted", input="cut: one two") as stream:
            events: list[Any] = list(stream)
        ends = [event for event in events if event.type in ("response.failed", "response.completed", "error")]
        self.assertEqual([event.type for event in ends], ["response.failed"])
        self.assertIs(ends[0], events[-1])
        self.assertEqual(ends[0].response.error.code, "server_error")

    def test_an_answer_cut_short_by_the_provider_says_why(self) -> None:
        for reason, finish in (("max_output_tokens", "length"), ("content_filter", "content_filter")):
            answer = self.daemon.chat(f"incomplete: {reason} so far")
            choice = answer.json["choices"][0]
            self.assertEqual((choice["finish_reason"], choice["message"]["content"]), (finish, "so far"))

    def test_what_is_wrong_with_a_request_is_told_with_its_field(self) -> None:
        hello = user("hi")
        for body, param in (
            ({"model": "scripted"}, "messages"),
            ({"messages": hello}, "model"),
            ({"model": "scripted", "messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
            ({"model": "scripted", "messages": hello, "temperature": 9}, "temperature"),
            ({"model": "scripted", "messages": hello, "n": 0}, "n"),
            ({"model": "scripted", "messages": hello, "reasoning_effort": 3}, "reasoning_effort"),
            ({"model": "nothing", "messages": hello}, "model"),
        ):
            answer = self.daemon.post(CHAT, body)
            self.assertIn(answer.status, (400, 404), body)
            self.assertEqual(answer.json["error"]["param"], param, body)
            self.assertEqual(set(answer.json["error"]), {"message", "type", "param", "code"})
            self.assertEqual(answer.headers["x-should-retry"], "false")

    def test_a_tool_result_without_its_call_is_refused(self) -> None:
        orphan = [*user("hi"), {"role": "tool", "tool_call_id": "call_1", "content": "x"}]
        answer = self.daemon.chat(orphan)
        self.assertEqual((answer.status, answer.json["error"]["type"]), (400, INVALID))

    def test_everything_else_is_refused_in_json_too(self) -> None:
        daemon = self.daemon
        for answer, status in (
            (daemon.post(CHAT, b"{"), 400),
            (daemon.get("/v1/nothing"), 404),
            (daemon.get(CHAT), 405),
            (daemon.post(CHAT, b"a=b", {"content-type": "application/x-www-form-urlencoded"}), 415),
            (daemon.post(CHAT, b"{}", {"content-encoding": "rot13"}), 415),
        ):
            self.assertEqual(answer.status, status)
            self.assertTrue(answer.json["error"]["message"])
            self.assertTrue(answer.headers["x-request-id"])
        self.assertIn("POST", daemon.get(CHAT).headers["allow"])

    def test_the_log_has_one_line_a_request_and_nothing_that_was_said(self) -> None:
        secret = "zanzibar"
        self.daemon.say(f"say: {secret}")
        self.daemon.chat(f"fail: 400 {secret}")
        answer = self.daemon.chat("fail: 503")
        self.assertEqual(self.daemon.log.count(answer.headers["x-request-id"]), 1)
        self.assertNotIn(secret, self.daemon.log)


class ModelTests(LiveTestCase):
    def test_models_are_listed_and_shown(self) -> None:
        client = self.daemon.client()
        self.assertEqual([model.id for model in client.models.list()], ["scripted"])
        self.assertEqual(client.models.retrieve("scripted").object, "model")
        error = self.assertRaises(openai.NotFoundError, client.models.retrieve, "nothing")
        self.assertEqual(error.code, "model_not_found")

    def test_a_suffix_sets_the_effort_and_the_request_s_own_wins(self) -> None:
        client = self.daemon.client()
        self.assertEqual(client.models.retrieve("scripted-high").id, "scripted-high")
        self.assertEqual(self.effort(model="scripted-high"), "high")
        self.assertEqual(self.effort(model="scripted-high", reasoning_effort="low"), "low")

    def effort(self, **more: Json) -> Json:
        return decode(self.daemon.say("seen:", **more))["effort"]

    def test_an_unknown_model_is_not_found(self) -> None:
        client = self.daemon.client()
        for name in ("gpt-nothing", "scripted-fast"):
            error = self.assertRaises(
                openai.NotFoundError, client.chat.completions.create, model=name, messages=user("hi")
            )
            self.assertEqual((error.code, error.param), ("model_not_found", "model"))

    def test_parameters_without_effect_are_named_in_a_header(self) -> None:
        answer = self.daemon.chat("say: hi", temperature=0.2, top_p=0.5, seed=7)
        named = answer.headers["x-codexd-ignored"].split(", ")
        self.assertEqual(set(named), {"temperature", "top_p", "seed"})


class WatchdogTests(LiveTestCase):
    """Short deadlines: nothing that hangs or trickles for ever keeps a client or a slot."""

    kind = Setup(
        settings="""
[codex]
turns_per_worker = 3
[turns]
first_event_seconds = 2
idle_seconds = 2
total_seconds = 4
"""
    )

    def test_silence_and_endlessness_end_in_one_honest_error_and_free_the_slot(self) -> None:
        daemon = self.daemon
        kinds = {"hang:": "no_first_event", "stall: one": "idle", "slow: 400": "too_long"}
        before = {kind: self.barks(kind) for kind in kinds.values()}
        calls = {said: daemon.call(CHAT, daemon.question(said)) for said in kinds}
        until(lambda: daemon.metric("codexd_requests_running") == 3, "all three under way")
        busy = daemon.chat("say: no room")
        self.assertEqual((busy.status, busy.json["error"]["code"]), (429, "rate_limit_exceeded"))
        self.assertEqual(busy.headers["retry-after"], "1")
        for said, kind in kinds.items():
            answer = calls[said].answer()
            self.assertEqual((answer.status, answer.json["error"]["code"]), (504, kind))
            self.assertEqual(self.barks(kind), before[kind] + 1)
        self.assertEqual(daemon.say("say: room again"), "room again")

    def barks(self, kind: str) -> float:
        return self.daemon.metric(f"codexd_watchdog_{kind}_total")

    def test_a_stream_that_falls_silent_ends_in_one_error(self) -> None:
        events = [
            decode(frame.data)
            for frame in self.daemon.call(
                RESPONSES, {"model": "scripted", "input": "stall: one", "stream": True}
            ).frames()
        ]
        failed = [event["response"]["status"] for event in events if event["type"] == "response.failed"]
        self.assertEqual((failed, events[-1]["type"]), (["failed"], "response.failed"))
