"""Translates the child's failures to Faults: the table of app-server's `codexErrorInfo`."""

import re
from typing import Any, Final, Literal

from codexd.backs.bindings import TurnError
from codexd.neutral.fault import Fault, fault
from codexd.wire import json

BY_NAME: Final = {
    "contextWindowExceeded": "context_length_exceeded",
    "sessionBudgetExceeded": "quota_exhausted",
    "usageLimitExceeded": "quota_exhausted",
    "rateLimitExceeded": "rate_limited",
    "serverOverloaded": "overloaded",
    "flexUnavailable": "overloaded",
    "internalServerError": "model_failed",
    "unauthorized": "credentials_rejected",
    "badRequest": "invalid_prompt",
    "cyberPolicy": "invalid_prompt",
    "misalignmentPolicyViolation": "invalid_prompt",
}

_BY_STATUS: Final = {
    400: "invalid_prompt",
    401: "credentials_rejected",
    403: "credentials_rejected",
    404: "credentials_rejected",
    413: "context_length_exceeded",
    429: "rate_limited",
    503: "overloaded",
}

WITH_STATUS: Final = (
    "httpConnectionFailed",
    "responseStreamConnectionFailed",
    "responseStreamDisconnected",
    "responseTooManyFailedAttempts",
)

# The provider's `response.incomplete` arrives as an error whose message ends with the reason.
_INCOMPLETE: Final[dict[str, Literal["length", "content_filter"]]] = {
    "reason: max_output_tokens": "length",
    "reason: content_filter": "content_filter",
}

_TRY_AGAIN: Final = re.compile(r"try again in (\d{1,6}(?:\.\d{1,6})?) ?(ms|s|m)", re.IGNORECASE)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


def find_incomplete_reason(error: TurnError) -> Literal["length", "content_filter"] | None:
    """Return the finish reason if the error reports an incomplete response; None for a failure."""
    for ending, finish in _INCOMPLETE.items():
        if error.message.endswith(ending):
            return finish
    return None


def translate(error: TurnError) -> Fault:
    """Return the Fault for the error of a failed turn.

    The provider's own text is passed on if it is about the request (HTTP 400). Other texts may mention the
    account and are not shown.
    """
    info = error.codexErrorInfo
    if isinstance(info, str):
        return _translate_name(info, error.message)
    if isinstance(info, dict):
        for name in WITH_STATUS:
            if name in info:
                return _translate_status(info[name])
    return fault("model_failed")


def translate_rejection(message: str) -> Fault:
    """Return the Fault for a JSON-RPC error to a call; the child has one error code, only messages differ."""
    if "not found" in message:
        # The child has unloaded the thread without notice. The client is not at fault, and a retry gets a
        # new thread.
        return fault("child_died", "The model's thread no longer exists; send the request again.")
    return fault("invalid_prompt", message)


def _translate_name(name: str, message: str) -> Fault:
    kind = BY_NAME.get(name)
    if kind is not None:
        return fault(kind, retry_after_seconds=_retry_after(message))
    if message.startswith("stream disconnected"):
        return fault("stream_cut")
    text = _provider_text(message)
    return fault("invalid_prompt", text) if text is not None else fault("model_failed")


def _retry_after(message: str) -> float | None:
    """Parse the provider's "try again in 1.5s" (ms, s, m): the child passes a delay on in no other form."""
    match = _TRY_AGAIN.search(message)
    return None if match is None else float(match[1]) * _SECONDS[match[2].lower()]


def _translate_status(details: Any) -> Fault:
    status = details.get("httpStatusCode") if isinstance(details, dict) else None
    return fault(_BY_STATUS.get(status, "model_failed") if isinstance(status, int) else "stream_cut")


def _provider_text(message: str) -> str | None:
    """Return the message in the provider's error envelope, which the child passes on for an HTTP 400."""
    try:
        body = json.decode(message)
    except json.JsonError:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    text = error.get("message") if isinstance(error, dict) else None
    return text if isinstance(text, str) and text else None
