"""Translates the child's failures to Faults: the table of app-server's `codexErrorInfo`.

An error of the model's provider reaches codexd in three forms: a name, a status with the provider's text inside
a sentence, or the provider's text alone under the name `other`. docs/app-server.md lists what was measured.
"""

import re
from typing import Any, Final, Literal

from attrs import evolve

from codexd.backs.bindings import TurnError
from codexd.backs.provider_errors import ErrorDetails, build_fault, decode_error, read_delay, read_error
from codexd.neutral.fault import Fault, fault
from codexd.wire import json

BY_NAME: Final = {
    "contextWindowExceeded": "context_length_exceeded",
    "sessionBudgetExceeded": "quota_exhausted",
    "usageLimitExceeded": "quota_exhausted",
    "rateLimitExceeded": "rate_limited",
    "serverOverloaded": "overloaded",
    "flexUnavailable": "overloaded",
    "policyCapacityUnavailable": "overloaded",
    "internalServerError": "model_failed",
    "threadRollbackFailed": "model_failed",
    "sandboxError": "model_failed",
    "tooManyDenials": "model_failed",
    "unauthorized": "credentials_rejected",
    "modelNotFound": "unknown_model",
    "badRequest": "invalid_prompt",
    "cyberPolicy": "invalid_prompt",
    "bioPolicy": "invalid_prompt",
    "misalignmentPolicyViolation": "invalid_prompt",
    "inferenceHookDenied": "invalid_prompt",
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

_CUT: Final = "stream disconnected before completion"
_UNEXPECTED_STATUS: Final = re.compile(r"unexpected status \d{3}[^:]*: (.*), url: ", re.DOTALL)
"""How the child quotes the provider's text, if the status has no name of its own."""

_NOT_RENEWED: Final = re.compile(r"^your access token could not be refreshed\b", re.IGNORECASE)
"""Under the name `unauthorized`: OpenAI has refused to renew the login, whose refresh token is expired or was used."""

_NO_KEY: Final = re.compile(r"missing environment variable", re.IGNORECASE)
_OWN_ERRORS: Final = re.compile(
    r"^(fatal|internal) error|\(os error -?\d+\)|at line \d+ column \d+$|^timeout waiting for|^interrupted",
    re.IGNORECASE,
)
"""The child's own errors under the name `other` (openai/codex, codex-rs, CodexErr); they may name files."""


_NO_CONNECTION: Final = re.compile(r"^connection failed\b|\bwaiting for network$", re.IGNORECASE)
"""No connection could be opened: name resolution, TCP and TLS look the same."""


def is_unreachable(error: TurnError) -> bool:
    """Return whether an error says that no connection to the provider could be opened.

    An HTTP status, and a connection that was lost after the request, are failures of the provider: of these the
    child counts the retries in its message, and gives up. A provider's own text comes under a name or with a status.
    """
    info = error.codexErrorInfo
    details = next(iter(info.values()), None) if isinstance(info, dict) else None
    if not isinstance(details, dict) or details.get("httpStatusCode") is not None:
        return False
    return any(_NO_CONNECTION.search(text) for text in (error.message, error.additionalDetails or ""))


def find_incomplete_reason(error: TurnError) -> Literal["length", "content_filter"] | None:
    """Return the finish reason if the error reports an incomplete response; None for a failure."""
    for ending, finish in _INCOMPLETE.items():
        if error.message.endswith(ending):
            return finish
    return None


def translate(error: TurnError) -> Fault:
    """Return the Fault for the error of a failed turn.

    The provider's own text is passed on if it is about the request. Other texts may mention the account and
    are not shown.
    """
    info, message = error.codexErrorInfo, error.message
    if is_unreachable(error):
        return evolve(fault("unreachable"), note=next(iter(info)) if isinstance(info, dict) else None)
    if isinstance(info, str):
        return _translate_other(message) if info == "other" else _translate_name(info, message)
    if isinstance(info, dict):
        for name in WITH_STATUS:
            if name in info:
                return _translate_status(info[name], message)
    return fault("model_failed")


def translate_rejection(message: str) -> Fault:
    """Return the Fault for a JSON-RPC error to a call; the child has one error code, only messages differ."""
    if "not found" in message:
        # The child has unloaded the thread without notice. The client is not at fault, and a retry gets a
        # new thread.
        return fault("child_died", "The model's thread no longer exists; send the request again.")
    return fault("invalid_prompt", message)


def _translate_name(name: str, message: str) -> Fault:
    if name == "unauthorized" and _NOT_RENEWED.match(message):
        return fault("login_expired")
    kind = BY_NAME.get(name, "model_failed")
    text = message if kind == "invalid_prompt" and message else None
    return fault(kind, text, retry_after_seconds=read_delay(message))


def _translate_other(message: str) -> Fault:
    """Return the Fault for the name `other`: a cut stream, an error of the child, or a provider's HTTP 400.

    The message of an HTTP 400 is the provider's body, or with some error codes only its text.
    """
    if message.startswith(_CUT):
        told = build_fault(None, ErrorDetails(message=message.removeprefix(_CUT)))
        return told if told.kind == "context_length_exceeded" else fault("stream_cut")
    if _NO_KEY.search(message):
        return fault("credentials_rejected", "This server has no credentials for the model's provider.")
    if _OWN_ERRORS.search(message):
        return fault("model_failed")
    return build_fault(400, _read_text(message))


def _translate_status(details: Any, message: str) -> Fault:
    status = details.get("httpStatusCode") if isinstance(details, dict) else None
    if not isinstance(status, int) or not 300 <= status < 600:
        return fault("stream_cut")
    match = _UNEXPECTED_STATUS.match(message)
    return build_fault(status, _read_text(match[1] if match else ""))


def _read_text(text: str) -> ErrorDetails:
    """Read a provider's body, or the text of its error; a page of HTML is no text for a client."""
    try:
        return read_error(decode_error(text.encode(errors="replace")))
    except json.JsonError:
        return ErrorDetails(message="" if text.lstrip().startswith("<") else text)
