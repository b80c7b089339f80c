"""The failures that were measured on the real child, and their Faults."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.bindings import TurnError
from codexd.backs.failures import BY_NAME, find_incomplete_reason, is_unreachable, translate, translate_rejection
from codexd.neutral.fault import fault

CUT = "stream disconnected before completion: stream closed before response.completed"


def with_status(name: str, status: object) -> dict[str, object]:
    return {name: {"httpStatusCode": status}}


def unexpected(status: int, text: str) -> tuple[str, dict[str, object]]:
    """Return the child's message and error for a status without a name; `text` is the provider's."""
    message = f"unexpected status {status} Some Reason: {text}, url: http://127.0.0.1:1/v1/responses, request id: r"
    return message, with_status("httpConnectionFailed", status)


# What the provider did: the child's message and `codexErrorInfo` (0.163 and 0.171), the kind of Fault.
FAILURES = {
    "HTTP 401": (*unexpected(401, "Incorrect API key provided: sk-abc"), "credentials_rejected"),
    "HTTP 402": (*unexpected(402, "pay"), "quota_exhausted"),
    "HTTP 403": (*unexpected(403, "Country not supported"), "credentials_rejected"),
    "HTTP 403, a page": (
        "Access blocked by Cloudflare. (status 403 Forbidden), url: http://127.0.0.1:1/v1/responses",
        with_status("httpConnectionFailed", 403),
        "credentials_rejected",
    ),
    "HTTP 401, and the login is not renewed": (
        "Your access token could not be refreshed because your refresh token has expired. Please log out and sign in"
        " again.",
        "unauthorized",
        "login_expired",
    ),
    "HTTP 401, another name": ("Unauthorized", "unauthorized", "credentials_rejected"),
    "HTTP 404 of a model": (*unexpected(404, "The model `x` does not exist"), "unknown_model"),
    "HTTP 404 of a model, 0.171": ("The model `x` does not exist", "modelNotFound", "unknown_model"),
    "HTTP 400 model_not_found": (
        '{"error":{"message":"No `x`","code":"model_not_found"}}',
        "other",
        "unknown_model",
    ),
    "HTTP 408": (*unexpected(408, "late"), "overloaded"),
    "HTTP 413": (*unexpected(413, "large"), "context_length_exceeded"),
    "HTTP 422, too long": (*unexpected(422, "prompt is too long: 9 tokens"), "context_length_exceeded"),
    "HTTP 429": (
        "exceeded retry limit, last status: 429 Too Many Requests",
        with_status("responseTooManyFailedAttempts", 429),
        "rate_limited",
    ),
    "HTTP 429 insufficient_quota": ("Quota exceeded.", "usageLimitExceeded", "quota_exhausted"),
    "HTTP 500": ("high demand", "internalServerError", "model_failed"),
    "HTTP 502": (*unexpected(502, "<html>bad gateway</html>"), "model_failed"),
    "HTTP 503": (*unexpected(503, "busy"), "overloaded"),
    "HTTP 503 slow_down": ("rate limit exceeded: slow", "rateLimitExceeded", "rate_limited"),
    "HTTP 503 policy_capacity_unavailable, 0.171": ("later", "policyCapacityUnavailable", "overloaded"),
    "HTTP 504": (*unexpected(504, "timeout"), "model_failed"),
    "HTTP 529": (*unexpected(529, "overloaded"), "overloaded"),
    "HTTP 400 context_length_exceeded": (
        '{"error":{"message":"too long","code":"context_length_exceeded"}}',
        "other",
        "context_length_exceeded",
    ),
    "HTTP 400 context_length_exceeded, 0.171": ("ran out", "contextWindowExceeded", "context_length_exceeded"),
    "HTTP 400 insufficient_quota": (
        '{"error":{"message":"no","code":"insufficient_quota"}}',
        "other",
        "quota_exhausted",
    ),
    "HTTP 400, the text of another provider inside": (
        '{"error":{"message":"Provider returned error","metadata":{"raw":"prompt is too long: 9 tokens"}}}',
        "other",
        "context_length_exceeded",
    ),
    "response.failed context_length_exceeded": ("too long", "contextWindowExceeded", "context_length_exceeded"),
    "response.failed insufficient_quota": ("pay", "usageLimitExceeded", "quota_exhausted"),
    "response.failed rate_limit_exceeded": ("slow down", "rateLimitExceeded", "rate_limited"),
    "response.failed server_is_overloaded": ("busy", "serverOverloaded", "overloaded"),
    "response.failed flex_unavailable": ("flex", "flexUnavailable", "overloaded"),
    "response.failed other": ("stream disconnected before completion: whatever", "other", "stream_cut"),
    "response.failed, too long in other words": (
        "stream disconnected before completion: This model's maximum context length is 10 tokens.",
        "other",
        "context_length_exceeded",
    ),
    "connection cut": (CUT, "other", "stream_cut"),
    "connection cut, told apart": (CUT, with_status("responseStreamDisconnected", None), "stream_cut"),
    "no token": ("log in again", "unauthorized", "credentials_rejected"),
    # Not measured.
    "an error of the child": ("Fatal error: /root/x is gone", "other", "model_failed"),
    "an I/O error of the child": ("No such file or directory (os error 2)", "other", "model_failed"),
    "no status at all": ("gone", {"httpConnectionFailed": {}}, "stream_cut"),
    "a status that is none": ("gone", {"httpConnectionFailed": {"httpStatusCode": []}}, "stream_cut"),
    "a status of a success": ("gone", with_status("httpConnectionFailed", 200), "stream_cut"),
    "details that are none": ("gone", {"httpConnectionFailed": "x"}, "stream_cut"),
    "a kind that is new": ("gone", "newlyInvented", "model_failed"),
    "a kind with details that is new": ("gone", {"newlyInvented": {}}, "model_failed"),
    "a sandbox": ("/root/x", "sandboxError", "model_failed"),
    "no kind": ("gone", None, "model_failed"),
}

WORDS = "Field `x` is not valid, url: no."
ENVELOPE = '{"error":{"message":"Field `x` is not valid, url: no.","type":"invalid_request_error","code":null}}'
# The same request, rejected in every way: the child's message and `codexErrorInfo`.
BAD_REQUESTS = {
    "HTTP 400": (ENVELOPE, "other"),
    "HTTP 400 invalid_prompt": (WORDS, "other"),
    "HTTP 400, flat": (ENVELOPE.removeprefix('{"error":').removesuffix("}"), "other"),
    "HTTP 400, detail": ('{"detail":"Field `x` is not valid, url: no."}', "other"),
    "HTTP 400, an array": (f"[{ENVELOPE}]", "other"),
    "HTTP 400, error_msg": ('{"error_code":7,"error_msg":"Field `x` is not valid, url: no."}', "other"),
    "HTTP 400, base_resp": ('{"base_resp":{"status_code":7,"status_msg":"Field `x` is not valid, url: no."}}', "other"),
    "HTTP 400, several errors": ('{"errors":["Field `x` is not valid, url: no."]}', "other"),
    "HTTP 409": unexpected(409, WORDS),
    "HTTP 422": unexpected(422, WORDS),
    "HTTP 422, a body": unexpected(422, '{"detail":"Field `x` is not valid, url: no."}'),
    "HTTP 400 invalid_image": (WORDS, "badRequest"),
    "cyber_policy": (WORDS, "cyberPolicy"),
    "bio_policy, 0.171": (WORDS, "bioPolicy"),
    "misalignment_policy_violation": (WORDS, "misalignmentPolicyViolation"),
    "HTTP 403 inference_hook_denied, 0.171": (WORDS, "inferenceHookDenied"),
}


class TranslateTests(SynchronousTestCase):
    def test_every_measured_failure_has_its_fault_without_the_providers_message(self) -> None:
        for done, (message, info, kind) in FAILURES.items():
            self.assertEqual(translate(TurnError(message, info)), fault(kind), done)

    def test_a_rejected_request_is_a_400_with_the_providers_message_that_is_not_repeated(self) -> None:
        for done, (message, info) in BAD_REQUESTS.items():
            told = translate(TurnError(message, info))
            self.assertEqual(told, fault("invalid_prompt", WORDS), done)
            self.assertEqual((told.status, told.should_retry), (400, False), done)

    def test_a_rejected_request_without_words_is_a_400_too(self) -> None:
        for message in ('{"error":{"message":""}}', '{"error":{"message":7}}', "[]", "{}", "", "<html>no</html>"):
            self.assertEqual(translate(TurnError(message, "other")), fault("invalid_prompt"), message)

    def test_a_list_of_details_is_one_message(self) -> None:
        detail = '{"detail":[{"loc":["body","x",0],"msg":"field required"},{"msg":"odd"},7,{"loc":["y"]}]}'
        self.assertEqual(translate(TurnError(*unexpected(422, detail))).message, "body.x.0: field required; odd")

    def test_a_body_with_half_a_character_is_read(self) -> None:
        for body, text in ((r'{"detail":"odd \ud83d"}', "odd \ufffd"), ('{"detail":"odd \ud83d"}', "odd ?")):
            self.assertEqual(translate(TurnError(body, "other")), fault("invalid_prompt", text))

    def test_a_body_that_is_nested_too_deep_has_a_fault(self) -> None:
        for depth in (900, 5000):
            body = "[" * depth + r'"\ud83d"' + "]" * depth
            self.assertEqual(translate(TurnError(body, "other")).kind, "invalid_prompt")

    def test_a_provider_that_is_addressed_wrongly_is_not_said_to_reject_credentials(self) -> None:
        for status in (302, 404, 405, 410, 415, 418, 501):
            told = translate(TurnError(*unexpected(status, '{"detail":"secret"}')))
            self.assertEqual((told.kind, told.status, told.should_retry), ("provider_rejected", 502, False))
            self.assertIn(f"status {status}", told.message)
            self.assertNotIn("credentials", told.message)

    def test_a_key_that_is_not_set_is_said_to_be_missing(self) -> None:
        told = translate(TurnError("Missing environment variable: `KEY`. Get one at /root/x", "other"))
        self.assertEqual((told.kind, told.status), ("credentials_rejected", 502))
        self.assertIn("no credentials", told.message)

    def test_every_name_has_a_fault(self) -> None:
        for name, kind in BY_NAME.items():
            self.assertEqual(translate(TurnError("", name)), fault(kind), name)

    def test_the_delay_the_provider_asks_for_is_passed_on(self) -> None:
        for words, seconds in (
            ("in 20ms.", 0.02),
            ("in 1.5s", 1.5),
            ("in 6 m", 360.0),
            ("in 3 Seconds", 3.0),
        ):
            text = f"Please try again {words}"
            told = translate(TurnError(f"Rate limit reached. {text}", "rateLimitExceeded"))
            self.assertEqual((told.kind, told.retry_after_seconds), ("rate_limited", seconds))
            told = translate(TurnError(*unexpected(503, text)))
            self.assertEqual((told.kind, told.retry_after_seconds), ("overloaded", seconds))
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


class UnreachableTests(SynchronousTestCase):
    def test_only_a_connection_that_could_not_be_opened_is_unreachable(self) -> None:
        lost = "stream disconnected before completion: error sending request"
        failed, waiting = "Connection failed: error sending request", "Reconnecting... waiting for network"
        for message, name, status, details, unreachable in (
            (waiting, "responseStreamDisconnected", None, failed, True),
            (waiting, "responseStreamDisconnected", None, None, True),
            ("Reconnecting... 1/5", "responseStreamDisconnected", None, failed, True),
            ("Reconnecting... 1/5", "responseStreamDisconnected", None, lost, False),
            ("Reconnecting... 1/5", "responseStreamDisconnected", 503, "unexpected status 503: no", False),
            (failed, "httpConnectionFailed", 503, None, False),
        ):
            error = TurnError(message, with_status(name, status), details)
            self.assertEqual(is_unreachable(error), unreachable, (message, details))
        fault = translate(TurnError(failed, with_status("httpConnectionFailed", None)))
        self.assertEqual((fault.kind, fault.note), ("unreachable", "httpConnectionFailed"))

    def test_a_providers_text_is_no_outage(self) -> None:
        for info in ("other", "badRequest", None, {"other": "x"}, with_status("httpConnectionFailed", 400)):
            self.assertFalse(is_unreachable(TurnError("Connection failed: not found", info)), info)


class IncompleteTests(SynchronousTestCase):
    def test_a_rejected_call_is_an_invalid_prompt_unless_the_thread_is_lost(self) -> None:
        self.assertEqual(translate_rejection("duplicate dynamic tool name: a").kind, "invalid_prompt")
        self.assertEqual(translate_rejection("thread not found: 0-1").kind, "child_died")

    def test_an_incomplete_response_is_no_failure(self) -> None:
        said = "Incomplete response returned, reason: "
        self.assertEqual(find_incomplete_reason(TurnError(said + "max_output_tokens", "other")), "length")
        self.assertEqual(find_incomplete_reason(TurnError(said + "content_filter", "other")), "content_filter")
        self.assertIsNone(find_incomplete_reason(TurnError(said + "something else", "other")))
