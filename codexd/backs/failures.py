"""The child's failures as Faults: one table (app-server `codexErrorInfo`)."""

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
    "unauthorized": "model_refused_us",
    "badRequest": "invalid_prompt",
    "cyberPolicy": "invalid_prompt",
    "misalignmentPolicyViolation": "invalid_prompt",
}

_BY_STATUS: Final = {
    400: "invalid_prompt",
    401: "model_refused_us",
    403: "model_refused_us",
    404: "model_refused_us",
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

# `response.incomplete` reaches us as an error whose message ends in its reason.
_INCOMPLETE: Final[dict[str, Literal["length", "content_filter"]]] = {
    "reason: max_output_tokens": "length",
    "reason: content_filter": "content_filter",
}

_TRY_AGAIN: Final = re.compile(r"try again in (\d{1,6}(?:\.\d{1,6})?) ?(ms|s|m)", re.IGNORECASE)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


def incomplete(error: TurnError) -> Literal["length", "content_filter"] | None:
    """Tell whether this failure is really an answer that was cut short, and why."""
    for ending, finish in _INCOMPLETE.items():
        if error.message.endswith(ending):
            return finish
    return None


def translate(error: TurnError) -> Fault:
    """Give the Fault a failed turn amounts to.

    The provider's own words are passed on where they are about the request (HTTP 400); elsewhere they may
    speak of the account and are not shown.
    """
    info = error.codexErrorInfo
    if isinstance(info, str):
        return _named(info, error.message)
    if isinstance(info, dict):
        for name in WITH_STATUS:
            if name in info:
                return _by_status(info[name])
    return fault("model_failed")


def rejection(message: str) -> Fault:
    """Give the Fault a rejected call amounts to: the child has one code for all, only words differ."""
    if "not found" in message:
        # A thread it unloaded without a word: nothing the client did, and a fresh try gets a fresh thread.
        return fault("child_died", "The model's thread was lost.")
    return fault("invalid_prompt", message)


def _named(name: str, message: str) -> Fault:
    kind = BY_NAME.get(name)
    if kind is not None:
        return fault(kind, retry_after_seconds=_retry_after(message))
    if message.startswith("stream disconnected"):
        return fault("stream_cut")
    text = _provider_text(message)
    return fault("invalid_prompt", text) if text is not None else fault("model_failed")


def _retry_after(message: str) -> float | None:
    """Read the provider's "try again in 1.5s" (ms, s, m), the only place a delay survives the child."""
    found = _TRY_AGAIN.search(message)
    return None if found is None else float(found[1]) * _SECONDS[found[2].lower()]


def _by_status(details: Any) -> Fault:
    status = details.get("httpStatusCode") if isinstance(details, dict) else None
    return fault(_BY_STATUS.get(status, "model_failed") if isinstance(status, int) else "stream_cut")


def _provider_text(message: str) -> str | None:
    """Read the provider's error envelope, which is what an HTTP 400 comes as."""
    try:
        body = json.decode(message)
    except json.Malformed:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    text = error.get("message") if isinstance(error, dict) else None
    return text if isinstance(text, str) and text else None
