"""The failures that were measured on the real child, and their Faults."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.bindings import TurnError
from codexd.backs.failures import find_incomplete_reason, translate, translate_rejection
from codexd.neutral.fault import fault

ENVELOPE = '{"error":{"message":"Invalid schema.","type":"invalid_request_error","code":"invalid_schema"}}'
CUT = "stream disconnected before completion: stream closed before response.completed"


def with_status(name: str, status: int | None) -> dict[str, object]:
    return {name: {"httpStatusCode": status}}


# What the provider did: the child's message and `codexErrorInfo` (docs/app-server.md), the kind of Fault.
FAILURES = {
    "HTTP 429": ("too many", with_status("responseTooManyFailedAttempts", 429), "rate_limited"),
    "HTTP 401": ("unexpected status 401", with_status("httpConnectionFailed", 401), "credentials_rejected"),
    "HTTP 403": ("unexpected status 403", with_status("httpConnectionFailed", 403), "credentials_rejected"),
    "HTTP 404": ("unexpected status 404", with_status("httpConnectionFailed", 404), "credentials_rejected"),
    "HTTP 503": ("unexpected status 503", with_status("httpConnectionFailed", 503), "overloaded"),
    "HTTP 500": ("high demand", "internalServerError", "model_failed"),
    "response.failed rate_limit_exceeded": ("slow down", "rateLimitExceeded", "rate_limited"),
    "response.failed context_length_exceeded": (
        "too long",
        "contextWindowExceeded",
        "context_length_exceeded",
    ),
    "response.failed insufficient_quota": ("pay", "usageLimitExceeded", "quota_exhausted"),
    "response.failed server_is_overloaded": ("busy", "serverOverloaded", "overloaded"),
    "response.failed other": ("whatever", "other", "model_failed"),
    "connection cut": (CUT, "other", "stream_cut"),
    "connection cut, told apart": (CUT, with_status("responseStreamDisconnected", None), "stream_cut"),
    # Not measured.
    "HTTP 418": ("teapot", with_status("httpConnectionFailed", 418), "model_failed"),
    "no status at all": ("gone", {"httpConnectionFailed": {}}, "stream_cut"),
    "a status that is none": ("gone", {"httpConnectionFailed": {"httpStatusCode": []}}, "stream_cut"),
    "details that are none": ("gone", {"httpConnectionFailed": "x"}, "stream_cut"),
    "a kind that is new": ("gone", "newlyInvented", "model_failed"),
    "a kind with details that is new": ("gone", {"newlyInvented": {}}, "model_failed"),
    "no kind": ("gone", None, "model_failed"),
}


class TranslateTests(SynchronousTestCase):
    def test_every_measured_failure_has_its_fault_without_the_providers_message(self) -> None:
        for done, (message, info, kind) in FAILURES.items():
            self.assertEqual(translate(TurnError(message, info)), fault(kind), done)

    def test_a_rejected_request_has_the_providers_message(self) -> None:
        self.assertEqual(translate(TurnError(ENVELOPE, "other")), fault("invalid_prompt", "Invalid schema."))

    def test_a_body_that_is_not_an_error_envelope_is_not_shown(self) -> None:
        for message in (
            '{"error":"no"}',
            '{"error":{"message":""}}',
            '{"error":{"message":7}}',
            "[]",
            "{}",
            "{",
        ):
            self.assertEqual(translate(TurnError(message, "other")), fault("model_failed"), message)

    def test_the_delay_the_provider_asks_for_is_passed_on(self) -> None:
        for words, seconds in (
            ("in 20ms.", 0.02),
            ("in 1.5s", 1.5),
            ("in 6 m", 360.0),
            ("in 3 Seconds", 3.0),
        ):
            told = translate(TurnError(f"Rate limit reached. Please try again {words}", "rateLimitExceeded"))
            self.assertEqual((told.kind, told.retry_after_seconds), ("rate_limited", seconds))
        for words in ("later", "in a while", "in 99999999 s"):
            told = translate(TurnError(f"Please try again {words}", "rateLimitExceeded"))
            self.assertEqual(told, fault("rate_limited"))

    @given(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.integers() | st.sampled_from(["other", "badRequest"]),
            lambda inner: (
                st.dictionaries(st.sampled_from(["httpConnectionFailed", "httpStatusCode"]), inner)
                | st.lists(inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
    def test_any_other_error_has_a_fault(self, message: str, info: object) -> None:
        self.assertIn(translate(TurnError(message, info)).status, range(400, 600))


class IncompleteTests(SynchronousTestCase):
    def test_a_rejected_call_is_an_invalid_prompt_unless_the_thread_is_lost(self) -> None:
        self.assertEqual(translate_rejection("duplicate dynamic tool name: a").kind, "invalid_prompt")
        self.assertEqual(translate_rejection("thread not found: 0-1").kind, "child_died")

    def test_an_incomplete_response_is_no_failure(self) -> None:
        said = "Incomplete response returned, reason: "
        self.assertEqual(find_incomplete_reason(TurnError(said + "max_output_tokens", "other")), "length")
        self.assertEqual(find_incomplete_reason(TurnError(said + "content_filter", "other")), "content_filter")
        self.assertIsNone(find_incomplete_reason(TurnError(said + "something else", "other")))
