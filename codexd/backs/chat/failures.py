"""Translates a server's failures to Faults, by HTTP status, error code and error message.

The server's message is passed on if it is about the request. Other messages may mention the account or the
server's internals and are not shown.
"""

import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Final

from codexd.neutral.fault import Fault, fault
from codexd.neutral.records import frozen
from codexd.wire import json
from codexd.wire.json import Json

MALFORMED: Final = fault("model_failed", "The model's provider sent a malformed response.")
TOO_LARGE: Final = fault("model_failed", "The model's provider sent a larger response than this server accepts.")

_MAX_MESSAGE_CHARS: Final = 2000
"""How many characters of a server's message are passed on."""

_MAX_WAIT_SECONDS: Final = 86400.0

_BY_STATUS: Final = {
    400: "invalid_prompt",
    401: "credentials_rejected",
    402: "quota_exhausted",
    403: "credentials_rejected",
    408: "overloaded",
    413: "context_length_exceeded",
    422: "invalid_prompt",
    429: "rate_limited",
    501: "credentials_rejected",
    503: "overloaded",
    529: "overloaded",
}

# Patterns in `code` and `type` and the kinds they mean at any status; the first match counts.
_BY_CODE: Final = (
    (r"context_length_exceeded|exceed_context_size", "context_length_exceeded"),
    (r"insufficient_quota|billing|credit|usage_limit|usage_not_included", "quota_exhausted"),
    (r"model_not_found", "unknown_model"),
    (r"rate_?limit|too_?many_?requests", "rate_limited"),
    (r"overloaded|service_?unavailable", "overloaded"),
    (r"authentication|permission|invalid_api_key|unauthorized|forbidden", "credentials_rejected"),
    (r"invalid_?request|invalid_prompt|bad_?request|content_policy", "invalid_prompt"),
)

_TOO_LONG: Final = re.compile(
    r"(maximum|max\w*) (context|model) length|context (length|window|size)|(prompt|input)[^.]{0,40} too long"
    r"|too many (input )?tokens|reduce the length|input tokens? (count )?exceed"
    r"|exceeds? the (maximum|limit)[^.]{0,30} tokens",
    re.IGNORECASE,
)
_TOO_LONG_STATUSES: Final = frozenset((None, 400, 413, 422, 500))
_UNSUPPORTED: Final = re.compile(
    r"\b(image|audio|video|file|tool|embedding)s?\b[^.]{0,30}\b(not supported|unsupported)"
    r"|\b(unsupported|not support) (content|image|audio|video|file|tool|embedding)",
    re.IGNORECASE,
)
"""The messages of llama.cpp, with a 500 or 501, to a request with something it does not support."""

_ABOUT_MODEL: Final = re.compile(r"\bmodels?\b", re.IGNORECASE)
_WRONG_MODEL: Final = re.compile(r"invalid model name|not a valid model\b", re.IGNORECASE)
"""The messages of LiteLLM and OpenRouter, with a 400, for an unknown model."""


@frozen(kw_only=True)
class ErrorDetails:
    """The readable members of an error object.

    Attributes:
        status: a code that is an HTTP status.
        raw: the error of the provider behind the server, as text; it is searched but not shown.
    """

    message: str = ""
    type: str = ""
    code: str = ""
    status: int | None = None
    raw: str = ""


def translate_http_error(status: int, body: bytes, retry_after_seconds: float | None = None) -> Fault:
    """Return the Fault for an HTTP error response.

    Args:
        status: the status of the response, not 2xx.
        body: the body, possibly cut.
        retry_after_seconds: the delay that the headers ask for.
    """
    details = read_error(_decode_error(body))
    return _fault(_kind(status, details), details, retry_after_seconds)


def _decode_error(body: bytes) -> Json:
    """Decode the body of an error; None if it is not JSON."""
    try:
        return json.decode(body) if json.is_valid(body) else json.replace_surrogates(json.decode_damaged(body))
    except (json.JsonError, RecursionError):
        return None


def translate_error(value: Json) -> Fault:
    """Return the Fault for an error object inside a 2xx response."""
    details = read_error(value)
    return _fault(_kind(details.status, details), details, None)


def find_error(chunk: dict[str, Json], has_choices: bool) -> Json:
    """Return the error in a 2xx body or in a chunk of a stream, in any server's words; None if it has none.

    Args:
        chunk: the decoded body or chunk.
        has_choices: it has choices, so that it is an error only if it says so in OpenAI's words.
    """
    if chunk.get("error") or chunk.get("object") == "error":
        return chunk
    if has_choices:
        return None
    status = chunk.get("base_resp")  # MiniMax
    if isinstance(status, dict) and status.get("status_code"):
        return status
    is_error = chunk.get("type") == "error" or any(chunk.get(name) for name in _ERROR_MEMBERS)
    has_code = any(str(chunk.get(name) or 0).lower() not in _SUCCESSES for name in _CODES)
    return chunk if is_error or (has_code and _first_text(chunk.get(name) for name in _MESSAGES)) else None


_ERROR_MEMBERS: Final = ("error_message", "error_msg", "errorMessage", "error_code", "errors", "detail")
_MESSAGES: Final = (
    *("message", "detail", "error_description", "error_message", "error_msg", "errorMessage"),
    *("msg", "status_msg", "error"),
)
_TYPES: Final = ("type", "error_type")
_CODES: Final = ("code", "error_code", "status", "status_code")
_SUCCESSES: Final = frozenset(("0", "200", "completed", "in_progress", "ok", "processing", "queued", "success"))


def read_error(value: Json) -> ErrorDetails:
    """Read an error: OpenAI's envelope or its content, a flat form, FastAPI's `detail`, a list or a text."""
    value = _unwrap(value)
    if isinstance(value, str):
        return ErrorDetails(message=value)
    if not isinstance(value, dict):
        return ErrorDetails()
    codes = [value.get(name) for name in _CODES]
    message = _first_text(value.get(name) for name in _MESSAGES) or _message_inside(value)
    status = next((status for code in codes if (status := _read_status(code)) is not None), None)
    return ErrorDetails(
        message=message,
        type=_first_text(value.get(name) for name in _TYPES),
        code=_first_text(codes),
        status=status,
        raw=_raw_error(value),
    )


def _unwrap(value: Json) -> Json:
    """Return the content of the envelopes around an error: `error`, and the array of Gemini."""
    while True:
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict) and isinstance(value.get("error"), dict | list) and value["error"]:
            value = value["error"]
        else:
            return value


def _message_inside(value: dict[str, Json]) -> str:
    """Return the message of the first of several errors (FastAPI's `detail`)."""
    inner = _unwrap(value.get("detail") or value.get("errors"))
    return _first_text([inner, *(inner.get(name) for name in _MESSAGES)] if isinstance(inner, dict) else [inner])


def _read_status(code: Json) -> int | None:
    """Return the HTTP status in a code: a number, or its digits."""
    if isinstance(code, str) and re.fullmatch(r"[45]\d\d", code, re.ASCII):
        code = int(code)
    return code if type(code) is int and 400 <= code < 600 else None


def _raw_error(value: dict[str, Json]) -> str:
    """Return the provider's own error, which OpenRouter repeats as text."""
    metadata = value.get("metadata")
    return _first_text([metadata.get("raw")]) if isinstance(metadata, dict) else ""


def parse_retry_after(after: str | None, after_ms: str | None, now: float) -> float | None:
    """Return after how many seconds a server may be asked again; None if its headers do not say.

    Args:
        after: the header `Retry-After` (RFC 9110): seconds, or an HTTP date.
        after_ms: the header `retry-after-ms`, which OpenAI's SDKs prefer.
        now: Unix time in seconds.
    """
    seconds = _parse_number(after_ms, 0.001)
    if seconds is None:
        seconds = _parse_number(after, 1.0)
    if seconds is None and after is not None:
        seconds = _seconds_until(after, now)
    return None if seconds is None else min(max(seconds, 0.0), _MAX_WAIT_SECONDS)


def _parse_number(text: str | None, factor: float) -> float | None:
    if text is None or not re.fullmatch(r"\s*\d{1,12}(\.\d{0,12})?\s*", text, re.ASCII):
        return None
    return float(text) * factor


def _seconds_until(text: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _kind(status: int | None, details: ErrorDetails) -> str:
    if status in _TOO_LONG_STATUSES and _TOO_LONG.search(f"{details.message} {details.raw}"):
        return "context_length_exceeded"
    if status in (500, 501) and _UNSUPPORTED.search(details.message):
        return "invalid_prompt"
    if status == 400 and _WRONG_MODEL.search(details.message):
        return "unknown_model"
    by_code = _kind_by_code(f"{details.code} {details.type}")
    if status is None:
        return by_code or "model_failed"
    if status == 404:
        about_model = by_code == "unknown_model" or _ABOUT_MODEL.search(details.message)
        return "unknown_model" if about_model else "credentials_rejected"
    if status in (400, 429) and by_code in ("context_length_exceeded", "quota_exhausted", "unknown_model"):
        return by_code
    # Redirects and the other 4xx mean that the request is sent in the wrong way or to the wrong address.
    return _BY_STATUS.get(status, "credentials_rejected" if status < 500 else "model_failed")


def _kind_by_code(code: str) -> str | None:
    return next((kind for pattern, kind in _BY_CODE if re.search(pattern, code, re.IGNORECASE)), None)


def _fault(kind: str, details: ErrorDetails, retry_after: float | None) -> Fault:
    about_request = kind == "invalid_prompt"
    message = details.message[:_MAX_MESSAGE_CHARS] if about_request and details.message else None
    return fault(kind, message, retry_after_seconds=retry_after)


def _first_text(values: Iterable[Json]) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")
