"""The failures of servers, in their own wording, and their Faults."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.failures import parse_retry_after, translate_error, translate_http_error
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
    (401, {"message": SECRET, "code": "invalid_api_key"}, "credentials_rejected"),
    (402, {"message": "Insufficient credits"}, "quota_exhausted"),
    (403, {"message": "Country not supported"}, "credentials_rejected"),
    (404, {"message": 'model "x" not found, try pulling it first', "type": "api_error"}, "unknown_model"),
    (403, {"code": "model_not_found", "message": "no access"}, "unknown_model"),
    (408, {"message": "timeout"}, "overloaded"),
    (410, {"message": "This model was retired."}, "unknown_model"),
    (413, {"message": "too big"}, "context_length_exceeded"),
    (409, {"message": "Conflict"}, "invalid_prompt"),
    (422, {"message": "Field required"}, "invalid_prompt"),
    (403, {"message": "Your input was flagged."}, "invalid_prompt"),
    (403, {"message": "no", "code": "content_policy_violation"}, "invalid_prompt"),
    (429, {"message": "slow down", "code": "rate_limit_exceeded"}, "rate_limited"),
    (429, {"message": "pay", "type": "insufficient_quota"}, "quota_exhausted"),
    (500, {"message": "boom"}, "model_failed"),
    (502, {"message": "boom"}, "model_failed"),
    (503, {"message": "loading model"}, "overloaded"),
    (529, {"message": "busy"}, "overloaded"),
    (403, {"message": "billing", "type": "billing_error"}, "quota_exhausted"),
    (424, {"message": "generation failed"}, "model_failed"),
    (498, {"message": "capacity exceeded"}, "overloaded"),
]


class HttpErrorTests(SynchronousTestCase):
    def test_every_status_has_its_fault(self) -> None:
        for status, error, kind in SEEN:
            found = translate_http_error(status, json.encode({"error": error}))
            self.assertEqual(found.kind, kind, (status, error))
            if kind != "invalid_prompt":
                self.assertEqual(found, fault(kind), "the server's own message is not shown")

    def test_a_wrong_address_or_protocol_is_not_said_to_be_a_matter_of_credentials(self) -> None:
        for status, error in ((404, {"message": "no route"}), (302, None), (405, None), (418, "teapot"), (501, None)):
            found = translate_http_error(status, json.encode({"error": error}))
            self.assertEqual((found.kind, found.status, found.should_retry), ("provider_rejected", 502, False))
            self.assertIn(f"status {status};", found.message)

    def test_context_length_errors_are_recognised_by_their_message(self) -> None:
        for message in TOO_LONG:
            for status in (400, 500):
                found = translate_http_error(status, json.encode({"error": {"message": message}}))
                self.assertEqual(found.kind, "context_length_exceeded", message)
        limited = translate_http_error(429, json.encode({"error": {"message": TOO_LONG[0]}}))
        self.assertEqual(limited.kind, "rate_limited")

    def test_a_rejected_request_has_the_servers_message(self) -> None:
        for body in (
            {"error": {"message": "Bad schema."}},
            {"error": "Bad schema."},
            {"object": "error", "message": "Bad schema."},
            {"detail": "Bad schema."},
            {"error": {"error": {"message": "Bad schema."}}},
            {"detail": {"error": {"message": "Bad schema."}}},
            {"base_resp": {"status_code": 7, "status_msg": "Bad schema."}},
            {"code": "x", "msg": "Bad schema."},
            {"errors": ["Bad schema."]},
            [{"error": {"message": "Bad schema."}}],
        ):
            self.assertEqual(translate_http_error(400, json.encode(body)), fault("invalid_prompt", "Bad schema."))

    def test_a_long_message_is_cut(self) -> None:
        found = translate_http_error(400, json.encode({"error": {"message": "x" * 9999}}))
        self.assertEqual(len(found.message), 2000)

    @given(st.integers(300, 599), st.binary(max_size=20))
    def test_any_body_has_a_fault_that_never_blames_the_clients_key(self, status: int, body: bytes) -> None:
        self.assertNotIn(translate_http_error(status, body).status, (401, 403))

    def test_the_servers_retry_delay_is_passed_on(self) -> None:
        self.assertEqual(translate_http_error(429, b"", 7.0).retry_after_seconds, 7.0)
        self.assertEqual(translate_http_error(503, b"").retry_after_seconds, fault("overloaded").retry_after_seconds)
        told = json.encode({"error": {"message": "Please try again in 1.5s."}})
        self.assertEqual(translate_http_error(429, told).retry_after_seconds, 1.5)
        self.assertEqual(translate_http_error(429, told, 7.0).retry_after_seconds, 7.0)


class StreamErrorTests(SynchronousTestCase):
    def test_an_error_in_a_stream_is_recognised_by_its_code_or_message(self) -> None:
        cases: list[tuple[Any, str]] = [
            ({"code": 429, "message": "x"}, "rate_limited"),
            ({"code": "rate_limit_exceeded"}, "rate_limited"),
            ({"type": "overloaded_error"}, "overloaded"),
            ({"type": "BadRequestError", "message": "x"}, "invalid_prompt"),
            ({"type": "authentication_error", "message": SECRET}, "credentials_rejected"),
            ({"message": TOO_LONG[0]}, "context_length_exceeded"),
            ({"code": 17}, "model_failed"),
            ("boom", "model_failed"),
            (7, "model_failed"),
        ]
        for error, kind in cases:
            self.assertEqual(translate_error(error).kind, kind, error)


class RetryAfterTests(SynchronousTestCase):
    NOW = 1445412480.0  # Wed, 21 Oct 2015 07:28:00 GMT

    def test_seconds_milliseconds_and_dates_are_parsed(self) -> None:
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
            self.assertEqual(parse_retry_after(after, after_ms, self.NOW), seconds, (after, after_ms))

    @given(st.text(max_size=30), st.text(max_size=10))
    def test_any_headers_are_accepted(self, after: str, after_ms: str) -> None:
        found = parse_retry_after(after, after_ms, self.NOW)
        self.assertTrue(found is None or 0 <= found <= 86400)
