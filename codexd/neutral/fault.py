"""The failures that codexd reports, in OpenAI's terms.

Every failure is converted to a Fault once, where it occurs; the client's dialect renders it.
"""

from typing import Final

from attrs import evolve

from codexd.neutral.records import frozen


@frozen(kw_only=True)
class Fault:
    """One failure as reported to a client.

    Attributes:
        kind: codexd's stable name of the failure, for logs and metrics.
        status: the HTTP status, used if no byte of the response was sent yet.
        type: OpenAI's `error.type`.
        code: OpenAI's `error.code`.
        message: human-readable; never contains prompts, keys or file paths.
        param: the invalid request field, as a path such as `messages[0].role`.
        retry_after_seconds: when to retry (RFC 9110, Retry-After).
        should_retry: the `x-should-retry` header of OpenAI's SDKs; None lets the SDK decide by status.
        note: details for the log (ids and names); never contains prompts or answers.
    """

    kind: str
    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    retry_after_seconds: float | None = None
    should_retry: bool | None = None
    note: str | None = None


class FaultError(Exception):
    """Carries a Fault: the only exception that passes between codexd's packages while a request is handled."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind, fault.message)
        self.fault = fault


INVALID = "invalid_request_error"
SERVER = "server_error"


def _invalid(kind: str, code: str | None, message: str = "", status: int = 400) -> Fault:
    return Fault(kind=kind, status=status, type=INVALID, code=code, message=message, should_retry=False)


def _server(
    kind: str,
    status: int,
    message: str,
    *,
    code: str | None = None,
    retry_after_seconds: float | None = None,
    should_retry: bool | None = None,
) -> Fault:
    return Fault(
        kind=kind,
        status=status,
        type=SERVER,
        code=code or kind,
        message=message,
        retry_after_seconds=retry_after_seconds,
        should_retry=should_retry,
    )


_FAULTS: Final = {
    fault.kind: fault
    for fault in (
        # Client errors.
        _invalid("malformed_request", None, "The request is not valid HTTP."),
        _invalid("headers_too_large", None, "The request's headers are too large.", 431),
        _invalid("url_too_long", None, "The request's URL is too long.", 414),
        _invalid("request_timeout", "request_timeout", "The request did not arrive in time (http.idle_seconds).", 408),
        _invalid("expectation_failed", None, "The only expectation that is supported is 100-continue.", 417),
        _invalid("method_unknown", None, "The method is unknown; the names of methods are case-sensitive.", 501),
        _invalid("coding_unknown", None, "The only transfer coding that is supported is chunked.", 501),
        _invalid("version_unsupported", None, "The only version that is supported is HTTP/1.1.", 505),
        _invalid("malformed_json", "invalid_json", "The body is not valid JSON."),
        _invalid("malformed_form", "invalid_form", "The body is not valid multipart/form-data."),
        _invalid("missing", "missing_required_parameter"),
        _invalid("wrong_type", "invalid_type"),
        _invalid("wrong_value", "invalid_value"),
        _invalid("array_too_long", "array_above_max_length"),
        _invalid("unsupported", "unsupported_parameter"),
        _invalid("usage_too_large", "usage_too_large"),
        _invalid("orphan_tool_output", "invalid_value"),
        _invalid("tool_output_empty", "tool_output_empty", "A tool message must not be empty."),
        _invalid("attachments", "attachments_not_supported", "Attachments are not supported."),
        _invalid("hosted_tool", "unsupported_tool"),
        # Images by URL; the codes are those of OpenAI's SDKs.
        _invalid("image_refused", "invalid_image_url"),
        _invalid("image_failed", "invalid_image_url", "The image could not be fetched."),
        _invalid("image_too_large", "image_too_large"),
        _invalid("image_type", "unsupported_image_media_type"),
        # Stored responses and conversations.
        _invalid("previous_response_not_found", "previous_response_not_found"),
        _invalid(
            "history_too_large",
            "context_length_exceeded",
            "The stored history exceeds this server's limit (responses.history_bytes).",
        ),
        _invalid(
            "storage_limit",
            "storage_limit_exceeded",
            "This exceeds what this server stores for one API key (responses.owner_bytes, or stored_bytes of the key).",
        ),
        _invalid("response_running", "response_in_progress", "The response is not complete yet."),
        _invalid("not_background", "invalid_value"),
        _invalid("response_not_found", None, "No response with this id exists.", 404),
        _invalid("conversation_not_found", None, "No conversation with this id exists.", 404),
        _invalid("item_not_found", None, "No item with this id exists.", 404),
        _invalid("invalid_prompt", "invalid_prompt", "The model's provider rejected the request."),
        _invalid(
            "context_length_exceeded",
            "context_length_exceeded",
            "The input exceeds the model's context window.",
        ),
        _invalid(
            "unknown_model",
            "model_not_found",
            "The model does not exist or you do not have access to it.",
            404,
        ),
        _invalid("request_not_found", None, "No request with this id is remembered.", 404),
        _invalid("unknown_url", None, "Unknown request URL.", 404),
        _invalid("endpoint_not_configured", "endpoint_not_configured", "No upstream is configured for this.", 404),
        _invalid("method_not_allowed", None, "The method is not allowed for this URL.", 405),
        _invalid("no_websocket", None, "This server does not serve WebSocket; send a POST request.", 426),
        _invalid(
            "too_large",
            "request_too_large",
            "The request body exceeds this server's limit (http.max_body_bytes).",
            413,
        ),
        _invalid("too_many_values", "request_too_large", status=413),
        _invalid("inflates_too_much", "request_too_large", status=413),
        _invalid(
            "unsupported_media",
            "unsupported_media_type",
            "The content type or encoding is not supported.",
            415,
        ),
        _invalid("invalid_api_key", "invalid_api_key", "Incorrect or missing API key.", 401),
        _invalid(
            "origin_not_allowed",
            "origin_not_allowed",
            "No API key is configured, so only allowed origins may call this server (http.cors_origins).",
            403,
        ),
        _invalid(
            "host_not_allowed",
            "host_not_allowed",
            "No API key is configured, so requests must name this machine (localhost, 127.0.0.1, [::1]) or an allowed"
            " host (http.allowed_hosts) in their Host header.",
            403,
        ),
        _invalid(
            "form_rejected",
            "form_rejected",
            "The form is not from a current page of this server. Load the page again.",
            403,
        ),
        # What the policy of the API key does not allow.
        _invalid("not_an_admin", "insufficient_permissions", "This API key may not administer the server.", 403),
        _invalid(
            "usage_not_allowed",
            "insufficient_permissions",
            "Only an administrator may see the usage of other API keys.",
            403,
        ),
        _invalid("endpoint_not_allowed", "insufficient_permissions", "This API key may not use this endpoint.", 403),
        _invalid("model_not_allowed", "insufficient_permissions", "This API key may not use this model.", 403),
        Fault(
            kind="key_request_limit",
            status=429,
            type="requests",
            code="rate_limit_exceeded",
            message="This API key has reached its limit of requests.",
        ),
        Fault(
            kind="key_token_limit",
            status=429,
            type="tokens",
            code="rate_limit_exceeded",
            message="This API key has reached its limit of tokens.",
        ),
        Fault(
            kind="key_request_too_large",
            status=429,
            type="tokens",
            code="rate_limit_exceeded",
            message="The request has more tokens than this API key may use in a minute.",
            should_retry=False,
        ),
        Fault(
            kind="key_background_limit",
            status=429,
            type="requests",
            code="rate_limit_exceeded",
            message="This API key has reached its limit of background responses. Try again when one has ended.",
            retry_after_seconds=5.0,
        ),
        Fault(
            kind="key_turn_limit",
            status=429,
            type="requests",
            code="rate_limit_exceeded",
            message="This API key has reached its limit of requests at once. Try again when one has ended.",
            retry_after_seconds=1.0,
        ),
        Fault(
            kind="key_budget_exhausted",
            status=429,
            type="insufficient_quota",
            code="insufficient_quota",
            message="This API key has used up its budget.",
            should_retry=False,
        ),
        # Limits.
        Fault(
            kind="rate_limited",
            status=429,
            type="requests",
            code="rate_limit_exceeded",
            message="The model's provider limits the request rate.",
        ),
        Fault(
            kind="quota_exhausted",
            status=429,
            type="insufficient_quota",
            code="insufficient_quota",
            message="The account behind this server has used up its quota.",
            should_retry=False,
        ),
        Fault(
            kind="busy",
            status=429,
            type="requests",
            code="rate_limit_exceeded",
            message="This server has reached its limit of concurrent requests. Try again shortly.",
            retry_after_seconds=1.0,
        ),
        # Failures of codexd, of the child process or of an upstream.
        _server("internal", 500, "The server failed to handle the request.", should_retry=False),
        _server("store_failed", 500, "The response could not be stored.", should_retry=False),
        _server(
            "store_busy",
            503,
            "The server's store has too much to do; try again shortly.",
            retry_after_seconds=5.0,
        ),
        _server(
            "store_timeout",
            504,
            "The server's store did not respond in time; a response may not have been stored.",
            should_retry=False,
        ),
        _server("cancelled", 500, "The response was cancelled.", should_retry=False),
        _server(
            "interrupted",
            503,
            "The server restarted before the response was complete.",
            retry_after_seconds=1.0,
        ),
        _server("model_failed", 502, "The model's provider failed."),
        _server("credentials_rejected", 502, "The model's provider rejected this server's credentials."),
        _server(
            "login_expired",
            502,
            "The login of this server's Codex account has expired; its operator must run `codexd login`.",
            should_retry=False,
        ),
        _server(
            "provider_rejected",
            502,
            "The model's provider rejected the request; the address or the protocol that this server uses for it is"
            " probably wrong.",
            should_retry=False,
        ),
        _server("stream_cut", 502, "The model's stream ended before its answer was complete."),
        _server(
            "output_unsupported",
            502,
            "The model's answer is of a kind that this server cannot pass on.",
            should_retry=False,
        ),
        _server("tool_choice_unmet", 502, "The model did not call the tool it was required to call."),
        _server("unreachable", 503, "The model's provider cannot be reached.", retry_after_seconds=5.0),
        _server(
            "circuit_open",
            503,
            "Circuit open: requests to the model's provider kept failing, so none are sent for a while.",
            retry_after_seconds=5.0,
        ),
        _server("not_ready", 503, "The model is not ready yet.", retry_after_seconds=1.0),
        _server("overloaded", 503, "The model's provider is overloaded.", retry_after_seconds=5.0),
        _server("child_died", 503, "The model process exited during the request.", retry_after_seconds=1.0),
        _server(
            "maintenance",
            503,
            "The server is in maintenance. Try again later.",
            retry_after_seconds=60.0,
            should_retry=True,
        ),
        _server("child_hung", 503, "The model process stopped responding.", retry_after_seconds=1.0),
        _server("shutting_down", 503, "The server is shutting down.", retry_after_seconds=5.0),
        _server("no_first_event", 504, "The model did not start to answer in time."),
        _server("idle_timeout", 504, "The model sent nothing for too long."),
        _server("too_long", 504, "The answer exceeded this server's time limit.", should_retry=False),
        _server("slow_client", 504, "The client read its stream too slowly.", should_retry=False),
    )
}


def fault(
    kind: str,
    message: str | None = None,
    *,
    param: str | None = None,
    retry_after_seconds: float | None = None,
) -> Fault:
    """Build the Fault of a kind, optionally with another message, the invalid field or a retry time.

    Raises:
        KeyError: if the kind is not defined (a bug in codexd).
    """
    template = _FAULTS[kind]
    return evolve(
        template,
        message=template.message if message is None else message,
        param=param,
        retry_after_seconds=template.retry_after_seconds if retry_after_seconds is None else retry_after_seconds,
    )


def kinds() -> tuple[str, ...]:
    """Return every defined kind: the bounded set of metric labels."""
    return tuple(_FAULTS)
