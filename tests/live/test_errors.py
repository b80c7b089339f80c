"""Every kind of failure as the `openai` package raises it, and the list of models."""

from typing import Any

import openai

from codexd.wire.json import Json, decode
from tests.support.live_daemon import CHAT, ONE_ATTEMPT, RESPONSES, DaemonSetup, LiveTestCase, user
from tests.support.processes import wait_until
from tests.support.provider_failures import FAILURES, INVALID, Failure


class FailureTests(LiveTestCase):
    daemon_setup = DaemonSetup(settings=ONE_ATTEMPT)

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

    def test_model_failures_raise_the_right_exceptions_at_every_endpoint(self) -> None:
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
            error = self.assertRaises(
                openai.APIStatusError, client.completions.create, model="scripted", prompt=failure.said
            )
            self.check(failure, error)

    def test_a_rejected_request_has_the_providers_words(self) -> None:
        for said, words in (
            ("fail: 400", "The script requested status 400."),
            ("fail: 400 invalid_prompt", "This prompt cannot be answered."),
            ("fail: 409", "The script requested status 409."),
            ("fail: 422", "The script requested status 422."),
            ("fail: invalid_prompt", "This prompt cannot be answered."),
        ):
            self.assertEqual(self.daemon.chat(said).json["error"]["message"], words, said)

    def test_a_stream_that_fails_before_its_first_event_is_an_http_error(self) -> None:
        client = self.daemon.client()
        for failure in FAILURES:
            if failure.said.startswith("fail:"):
                for create, asked in (
                    (client.chat.completions.create, {"messages": user(failure.said)}),
                    (client.responses.create, {"input": failure.said}),
                    (client.completions.create, {"prompt": failure.said}),
                ):
                    arguments: dict[str, Any] = {"model": "scripted", "stream": True} | asked
                    self.check(failure, self.assertRaises(openai.APIStatusError, create, **arguments))

    def test_a_chat_stream_that_fails_later_ends_with_one_error(self) -> None:
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
        frames = [frame.data for frame in self.daemon.call(CHAT, self.daemon.chat_body("cut: x", stream=True)).frames()]
        self.assertIn("error", decode(frames[-1]))
        self.assertEqual(sum(b'"error"' in data for data in frames), 1)

    def test_a_responses_stream_that_fails_later_ends_with_one_failed_event(self) -> None:
        with self.daemon.client().responses.stream(model="scripted", input="cut: one two") as stream:
            events: list[Any] = list(stream)
        ends = [event for event in events if event.type in ("response.failed", "response.completed", "error")]
        self.assertEqual([event.type for event in ends], ["response.failed"])
        self.assertIs(ends[0], events[-1])
        self.assertEqual(ends[0].response.error.code, "server_error")

    def test_an_incomplete_answer_reports_the_reason(self) -> None:
        for reason, finish in (("max_output_tokens", "length"), ("content_filter", "content_filter")):
            answer = self.daemon.chat(f"incomplete: {reason} so far")
            choice = answer.json["choices"][0]
            self.assertEqual((choice["finish_reason"], choice["message"]["content"]), (finish, "so far"))

    def test_an_invalid_request_names_the_parameter(self) -> None:
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

    def test_a_tool_result_without_its_call_is_rejected(self) -> None:
        orphan = [*user("hi"), {"role": "tool", "tool_call_id": "call_1", "content": "x"}]
        answer = self.daemon.chat(orphan)
        self.assertEqual((answer.status, answer.json["error"]["type"]), (400, INVALID))

    def test_all_other_errors_are_json_too(self) -> None:
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

    def test_the_log_has_one_line_per_request_and_no_prompts(self) -> None:
        secret = "zanzibar"
        self.daemon.chat_text(f"say: {secret}")
        self.daemon.chat(f"fail: 400 {secret}")
        answer = self.daemon.chat("fail: 503")
        wait_until(lambda: self.daemon.log.count(answer.headers["x-request-id"]) == 1, "it is logged once")
        self.assertNotIn(secret, self.daemon.log)


class ModelTests(LiveTestCase):
    def test_models_are_listed_and_retrieved(self) -> None:
        client = self.daemon.client()
        self.assertEqual([model.id for model in client.models.list()], ["scripted"])
        self.assertEqual(client.models.retrieve("scripted").object, "model")
        error = self.assertRaises(openai.NotFoundError, client.models.retrieve, "nothing")
        self.assertEqual(error.code, "model_not_found")

    def test_a_suffix_sets_the_effort_unless_the_request_does(self) -> None:
        client = self.daemon.client()
        self.assertEqual(client.models.retrieve("scripted-high").id, "scripted-high")
        self.assertEqual(self.effort(model="scripted-high"), "high")
        self.assertEqual(self.effort(model="scripted-high", reasoning_effort="low"), "low")

    def effort(self, **more: Json) -> Json:
        return decode(self.daemon.chat_text("seen:", **more))["effort"]

    def test_an_unknown_model_is_not_found(self) -> None:
        client = self.daemon.client()
        for name in ("gpt-nothing", "scripted-fast"):
            error = self.assertRaises(
                openai.NotFoundError, client.chat.completions.create, model=name, messages=user("hi")
            )
            self.assertEqual((error.code, error.param), ("model_not_found", "model"))

    def test_a_header_names_ignored_parameters(self) -> None:
        answer = self.daemon.chat("say: hi", temperature=0.2, top_p=0.5, seed=7)
        named = answer.headers["x-codexd-ignored"].split(", ")
        self.assertEqual(set(named), {"temperature", "top_p", "seed"})


class TimeoutTests(LiveTestCase):
    """Timeouts with short limits: a model that hangs or trickles holds neither client nor slot."""

    daemon_setup = DaemonSetup(
        settings="""
[codex]
turns_per_worker = 3
[turns]
first_event_seconds = 2
idle_seconds = 2
total_seconds = 4
[queue]
max_wait_seconds = 0.5
"""
    )

    def test_timeouts_end_with_one_error_and_free_the_slot(self) -> None:
        daemon = self.daemon
        kinds = {"hang:": "no_first_event", "stall: one": "idle_timeout", "slow: 400": "too_long"}
        before = {kind: self.timeouts(kind) for kind in kinds.values()}
        calls = {said: daemon.call(CHAT, daemon.chat_body(said)) for said in kinds}
        wait_until(lambda: daemon.metric("codexd_requests_running") == 3, "all three under way")
        busy = daemon.chat("say: no room")
        self.assertEqual((busy.status, busy.json["error"]["code"]), (429, "rate_limit_exceeded"))
        self.assertTrue(busy.headers["retry-after"])
        for said, kind in kinds.items():
            answer = calls[said].read()
            self.assertEqual((answer.status, answer.json["error"]["code"]), (504, kind))
            self.assertEqual(self.timeouts(kind), before[kind] + 1)
        self.assertEqual(daemon.chat_text("say: room again"), "room again")

    def timeouts(self, kind: str) -> float:
        return self.daemon.metric(f"codexd_watchdog_{kind}_total")

    def test_a_stream_that_stalls_ends_with_one_error(self) -> None:
        events = [
            decode(frame.data)
            for frame in self.daemon.call(
                RESPONSES, {"model": "scripted", "input": "stall: one", "stream": True}
            ).frames()
        ]
        failed = [event["response"]["status"] for event in events if event["type"] == "response.failed"]
        self.assertEqual((failed, events[-1]["type"]), (["failed"], "response.failed"))
