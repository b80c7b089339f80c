"""A server's failures, as servers word them, and the Fault each amounts to."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.failures import broken, refusal, retry_after_seconds
from codexd.neutral.fault import fault
from codexd.wire import json

SECRET = "Incorrect API key provided: sk-secret"
TOO_LONG = (
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
    "The decoder prompt (length 9000) is longer than the maximum model length of 8192.",
    "the request exceeds the available context size. try increasing the context size",
    "prompt is too long: 9000 tokens > 8192 maximum",
    "Input tokens exceed the configured limit of 272000 tokens.",
    "Please reduce the length of the messages or completion.",
    "Your input exceeds the context window of this model.",
)
# status, error -> kind
SEEN: list[tuple[int, Any, str]] = [
    (400, {"message": "Invalid value: 'x'."}, "invalid_prompt"),
    (400, {"code": "context_length_exceeded", "message": "no"}, "context_length_exceeded"),
    (400, {"type": "exceed_context_size_error", "message": "no"}, "context_length_exceeded"),
    (400, {"code": "model_not_found", "message": "no"}, "unknown_model"),
    (401, {"message": SECRET, "code": "invalid_api_key"}, "model_refused_us"),
    (402, {"message": "Insufficient credits"}, "quota_exhausted"),
    (403, {"message": "Country not supported"}, "model_refused_us"),
    (404, {"message": 'model "x" not found, try pulling it first', "type": "api_error"}, "unknown_model"),
    (404, {"message": "no route"}, "model_refused_us"),
    (408, {"message": "timeout"}, "overloaded"),
    (413, {"message": "too big"}, "context_length_exceeded"),
    (422, {"message": "Field required"}, "invalid_prompt"),
    (429, {"message": "slow down", "code": "rate_limit_exceeded"}, "rate_limited"),
    (429, {"message": "pay", "type": "insufficient_quota"}, "quota_exhausted"),
    (500, {"message": "boom"}, "model_failed"),
    (502, {"message": "boom"}, "model_failed"),
    (503, {"message": "loading model"}, "overloaded"),
    (529, {"message": "busy"}, "overloaded"),
    (302, None, "model_refused_us"),
    (418, "teapot", "model_refused_us"),
]


class RefusalTests(SynchronousTestCase):
    def test_every_status_has_its_fault(self) -> None:
        for status, error, kind in SEEN:
            found = refusal(status, json.encode({"error": error}))
            self.assertEqual(found.kind, kind, (status, error))
            if kind != "invalid_prompt":
                self.assertEqual(found, fault(kind), "the server's own words are not shown")

    def test_a_context_that_is_too_long_is_known_by_any_wording(self) -> None:
        for message in TOO_LONG:
            for status in (400, 500):
                found = refusal(status, json.encode({"error": {"message": message}}))
                self.assertEqual(found.kind, "context_length_exceeded", message)
        limited = refusal(429, json.encode({"error": {"message": TOO_LONG[0]}}))
        self.assertEqual(limited.kind, "rate_limited")

    def test_a_refused_request_says_why_in_the_servers_words(self) -> None:
        for body in (
            {"error": {"message": "Bad schema."}},
            {"error": "Bad schema."},
            {"object": "error", "message": "Bad schema."},
            {"detail": "Bad schema."},
            {"error": {"error": {"message": "Bad schema."}}},
        ):
            self.assertEqual(refusal(400, json.encode(body)), fault("invalid_prompt", "Bad schema."))

    def test_long_words_are_cut(self) -> None:
        found = refusal(400, json.encode({"error": {"message": "x" * 9999}}))
        self.assertEqual(len(found.message), 2000)

    @given(st.integers(300, 599), st.binary(max_size=20))
    def test_no_body_is_too_odd_and_a_key_is_never_the_clients(self, status: int, body: bytes) -> None:
        self.assertNotIn(refusal(status, body).status, (401, 403))

    def test_what_the_server_asks_to_wait_is_passed_on(self) -> None:
        self.assertEqual(refusal(429, b"", 7.0).retry_after_seconds, 7.0)
        self.assertEqual(refusal(503, b"").retry_after_seconds, fault("overloaded").retry_after_seconds)


class BrokenTests(SynchronousTestCase):
    def test_an_error_in_a_stream_is_known_by_its_code_or_its_words(self) -> None:
        cases: list[tuple[Any, str]] = [
            ({"code": 429, "message": "x"}, "rate_limited"),
            ({"code": "rate_limit_exceeded"}, "rate_limited"),
            ({"type": "overloaded_error"}, "overloaded"),
            ({"type": "BadRequestError", "message": "x"}, "invalid_prompt"),
            ({"type": "authentication_error", "message": SECRET}, "model_refused_us"),
            ({"message": TOO_LONG[0]}, "context_length_exceeded"),
            ({"code": 17}, "model_failed"),
            ("boom", "model_failed"),
            (7, "model_failed"),
        ]
        for error, kind in cases:
            self.assertEqual(broken(error).kind, kind, error)


class RetryAfterTests(SynchronousTestCase):
    NOW = 1445412480.0  # Wed, 21 Oct 2015 07:28:00 GMT

    def test_seconds_milliseconds_and_dates(self) -> None:
        cases: list[tuple[str | None, str | None, float | None]] = [
            ("7", None, 7.0),
            ("1.5", None, 1.5),
            ("7", "250", 0.25),
            ("Wed, 21 Oct 2015 07:28:09 GMT", None, 9.0),
            ("Wed, 21 Oct 2015 07:27:00 GMT", None, 0.0),
            ("99999999", None, 86400.0),
            (None, None, None),
            ("soon", "soon", None),
            ("-3", None, None),
            ("Wed, 99 Oct 2015 07:28:09 GMT", None, None),
        ]
        for after, after_ms, seconds in cases:
            self.assertEqual(retry_after_seconds(after, after_ms, self.NOW), seconds, (after, after_ms))

    @given(st.text(max_size=30), st.text(max_size=10))
    def test_nothing_is_too_odd(self, after: str, after_ms: str) -> None:
        found = retry_after_seconds(after, after_ms, self.NOW)
        self.assertTrue(found is None or 0 <= found <= 86400)
