"""Classifies the errors of model providers: HTTP status, error code and message to the kind of Fault.

Upstreams and the providers behind Codex send the same errors, so both translators share these tables. The
provider's message is passed on if it is about the request. Other messages may mention the account or the
provider's internals and are not shown.
"""

import re
from collections.abc import Iterable
from typing import Final

from codexd.neutral.fault import Fault, fault
from codexd.neutral.records import frozen
from codexd.wire import json
from codexd.wire.json import Json

_MAX_MESSAGE_CHARS: Final = 2000
"""How many characters of a provider's message are passed on."""

_MAX_DETAILS: Final = 8
"""How many entries of a list of details are read."""

_BY_STATUS: Final = {
    400: "invalid_prompt",
    401: "credentials_rejected",
    402: "quota_exhausted",
    403: "credentials_rejected",
    408: "overloaded",
    409: "invalid_prompt",
    413: "context_length_exceeded",
    422: "invalid_prompt",
    424: "model_failed",  # Text Generation Inference: the generation failed.
    425: "overloaded",
    429: "rate_limited",
    498: "overloaded",  # Groq: the capacity of the flex tier is exceeded.
    501: "provider_rejected",
    503: "overloaded",
    529: "overloaded",
}

_POLICY_CODES: Final = (
    r"content_?policy|content_?filter|moderation|(cyber|bio)_policy|policy_violation|inference_hook_denied"
)
"""The codes that reject a prompt because of a policy."""

# Patterns in `code` and `type` and the kinds they mean at any status; the first match counts.
_BY_CODE: Final = (
    (r"context_length_exceeded|exceed_context_size", "context_length_exceeded"),
    (r"insufficient_quota|billing|credit|usage_limit|usage_not_included", "quota_exhausted"),
    (r"model_not_found", "unknown_model"),
    (r"rate_?limit|too_?many_?requests", "rate_limited"),
    (r"overloaded|service_?unavailable|(flex|capacity)_unavailable", "overloaded"),
    (r"authentication|permission|invalid_api_key|unauthorized|forbidden", "credentials_rejected"),
    (rf"invalid_?request|invalid_prompt|bad_?request|{_POLICY_CODES}", "invalid_prompt"),
)

_DECISIVE_CODES: Final = frozenset(("context_length_exceeded", "quota_exhausted", "unknown_model"))
"""The kinds for which the error code is more exact than one of these statuses."""

_INEXACT_STATUSES: Final = frozenset((400, 403, 422, 429))

_POLICY: Final = re.compile(rf"{_POLICY_CODES}|content policy|\bflagged\b", re.IGNORECASE)
"""Codes and messages of a 403 or 451 that rejects the prompt, not the account."""

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


_TRY_AGAIN: Final = re.compile(r"try again in (\d{1,6}(?:\.\d{1,6})?) ?(ms|s|m)", re.IGNORECASE)
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}


# The names of the members of an error, in the order in which they are read.
_MESSAGES: Final = (
    *("message", "detail", "error_description", "error_message", "error_msg", "errorMessage"),
    *("msg", "status_msg", "error"),
)
_TYPES: Final = ("type", "error_type")
_CODES: Final = ("code", "error_code", "status", "status_code")

_ERROR_MEMBERS: Final = ("error_message", "error_msg", "errorMessage", "error_code", "errors", "detail")
"""The members that only an error has."""

_SUCCESSES: Final = frozenset(("0", "200", "completed", "in_progress", "ok", "processing", "queued", "success"))
"""The codes that report no error."""


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


def decode_error(body: bytes) -> Json:
    """Decode the body of an error, whose strings may have damaged characters.

    Raises:
        JsonError: if it is not JSON.
    """
    try:
        return json.decode(body) if json.is_valid(body) else json.replace_surrogates(json.decode_damaged(body))
    except RecursionError:
        raise json.JsonError("the error is nested too deep") from None


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
    if (status := _find_base_status(chunk)) is not None:
        return status
    is_error = chunk.get("type") == "error" or any(chunk.get(name) for name in _ERROR_MEMBERS)
    has_code = any(str(chunk.get(name) or 0).lower() not in _SUCCESSES for name in _CODES)
    return chunk if is_error or (has_code and _find_text(chunk, _MESSAGES)) else None


def read_error(value: Json) -> ErrorDetails:
    """Read an error: OpenAI's envelope or its content, a flat form, FastAPI's `detail`, a list or a text."""
    value = _unwrap(value)
    if isinstance(value, str):
        return ErrorDetails(message=value)
    if not isinstance(value, dict):
        return ErrorDetails()
    statuses = (_read_status(value.get(name)) for name in _CODES)
    return ErrorDetails(
        message=_find_text(value, _MESSAGES) or _read_details(value.get("detail") or value.get("errors")),
        type=_find_text(value, _TYPES),
        code=_find_text(value, _CODES),
        status=next((status for status in statuses if status is not None), None),
        raw=_read_raw(value.get("metadata")),
    )


def build_fault(status: int | None, details: ErrorDetails, retry_after_seconds: float | None = None) -> Fault:
    """Return the Fault for an error of a provider.

    Args:
        status: the HTTP status, not 2xx; None for an error without one, such as an error inside a stream.
        details: what the body says.
        retry_after_seconds: the delay that the provider's headers ask for; else its message may name one.
    """
    kind = _classify(status, details)
    delay = read_delay(details.message) if retry_after_seconds is None else retry_after_seconds
    return fault(kind, _message(kind, status, details.message), retry_after_seconds=delay)


def read_delay(message: str) -> float | None:
    """Return the seconds in a provider's "try again in 1.5s" (ms, s, m); None if it does not say so."""
    match = _TRY_AGAIN.search(message)
    return None if match is None else float(match[1]) * _UNIT_SECONDS[match[2].lower()]


def _message(kind: str, status: int | None, text: str) -> str | None:
    if kind == "invalid_prompt":
        return text[:_MAX_MESSAGE_CHARS] or None
    if kind == "provider_rejected" and status is not None:
        return fault(kind).message.replace("the request", f"the request with status {status}", 1)
    return None


def _classify(status: int | None, details: ErrorDetails) -> str:
    if status in _TOO_LONG_STATUSES and _TOO_LONG.search(f"{details.message} {details.raw}"):
        return "context_length_exceeded"
    if status in (500, 501) and _UNSUPPORTED.search(details.message):
        return "invalid_prompt"
    if status == 400 and _WRONG_MODEL.search(details.message):
        return "unknown_model"
    by_code = _classify_code(f"{details.code} {details.type}")
    if status is None:
        return by_code or "model_failed"
    if status in (404, 410):
        about_model = by_code == "unknown_model" or _ABOUT_MODEL.search(details.message)
        return "unknown_model" if about_model else "provider_rejected"
    if status in (403, 451) and _POLICY.search(f"{details.code} {details.type} {details.message}"):
        return "invalid_prompt"
    if by_code in _DECISIVE_CODES and status in _INEXACT_STATUSES:
        return by_code
    # Redirects and the other 4xx mean that the request is sent in the wrong way or to the wrong address.
    return _BY_STATUS.get(status, "provider_rejected" if status < 500 else "model_failed")


def _classify_code(code: str) -> str | None:
    return next((kind for pattern, kind in _BY_CODE if re.search(pattern, code, re.IGNORECASE)), None)


def _unwrap(value: Json) -> Json:
    """Return the content of the envelopes around an error: `error`, MiniMax's `base_resp`, and the array of Gemini."""
    while True:
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict) and isinstance(value.get("error"), dict | list) and value["error"]:
            value = value["error"]
        elif isinstance(value, dict) and (status := _find_base_status(value)) is not None:
            value = status
        else:
            return value


def _find_base_status(value: dict[str, Json]) -> Json:
    """Return MiniMax's `base_resp` if it reports an error, else None."""
    status = value.get("base_resp")
    return status if isinstance(status, dict) and status.get("status_code") else None


def _read_details(details: Json) -> str:
    """Return the messages of one or several errors inside: FastAPI's list has the fields, too."""
    entries = details[:_MAX_DETAILS] if isinstance(details, list) else [details]
    return "; ".join(text for entry in entries if (text := _read_entry(_unwrap(entry))))


def _read_entry(entry: Json) -> str:
    if not isinstance(entry, dict):
        return entry if isinstance(entry, str) else ""
    text, location = _find_text(entry, _MESSAGES), entry.get("loc")
    path = ".".join(str(step) for step in location if type(step) in (str, int)) if isinstance(location, list) else ""
    return f"{path}: {text}" if path and text else text


def _read_status(code: Json) -> int | None:
    """Return the HTTP status in a code: a number, or its digits."""
    if isinstance(code, str) and re.fullmatch(r"[45]\d\d", code, re.ASCII):
        code = int(code)
    return code if type(code) is int and 400 <= code < 600 else None


def _read_raw(metadata: Json) -> str:
    """Return the provider's own error, which OpenRouter repeats as text."""
    return _find_text(metadata, ("raw",)) if isinstance(metadata, dict) else ""


def _find_text(value: dict[str, Json], names: Iterable[str]) -> str:
    """Return the first of these members that is a text; empty if none is."""
    return next((text for name in names if isinstance(text := value.get(name), str) and text), "")
