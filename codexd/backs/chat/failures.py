"""A server's failures as Faults: by HTTP status, by the error object's own words, by where it comes.

The server's text is passed on where it is about the request; elsewhere it may speak of the account, or of
the server's insides, and is not shown.
"""

import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Final

from attrs import frozen

from codexd.neutral.fault import Fault, fault
from codexd.wire import json
from codexd.wire.json import Json

MALFORMED: Final = fault("model_failed", "The model's provider sent something that is no answer.")
TOO_LARGE: Final = fault("model_failed", "The model's provider sent more than this server takes.")

_LONGEST: Final = 2000
"""Characters of a server's own words that are passed on."""

_LONGEST_WAIT_SECONDS: Final = 86400.0

_BY_STATUS: Final = {
    400: "invalid_prompt",
    401: "model_refused_us",
    402: "quota_exhausted",
    403: "model_refused_us",
    408: "overloaded",
    413: "context_length_exceeded",
    422: "invalid_prompt",
    429: "rate_limited",
    501: "model_refused_us",
    503: "overloaded",
    529: "overloaded",
}

# Words of `code` and `type`, and what they mean whatever the status; the first found counts.
_BY_WORD: Final = (
    (r"context_length_exceeded|exceed_context_size", "context_length_exceeded"),
    (r"insufficient_quota|billing|credit|usage_limit|usage_not_included", "quota_exhausted"),
    (r"model_not_found", "unknown_model"),
    (r"rate_?limit|too_?many_?requests", "rate_limited"),
    (r"overloaded|service_?unavailable", "overloaded"),
    (r"authentication|permission|invalid_api_key|unauthorized|forbidden", "model_refused_us"),
    (r"invalid_?request|invalid_prompt|bad_?request|content_policy", "invalid_prompt"),
)

_TOO_LONG: Final = re.compile(
    r"(maximum|max\w*) (context|model) length|context (length|window|size)|(prompt|input)[^.]{0,40} too long"
    r"|too many (input )?tokens|reduce the length|input tokens? (count )?exceed"
    r"|exceeds? the (maximum|limit)[^.]{0,30} tokens",
    re.IGNORECASE,
)
_TOO_LONG_STATUSES: Final = frozenset((None, 400, 413, 422, 500))
_UNABLE: Final = re.compile(
    r"\b(image|audio|video|file|tool|embedding)s?\b[^.]{0,30}\b(not supported|unsupported)"
    r"|\b(unsupported|not support) (content|image|audio|video|file|tool|embedding)",
    re.IGNORECASE,
)
"""What llama.cpp says, with a 500 or 501, to a request that it could never answer."""

_NO_MODEL: Final = re.compile(r"\bmodels?\b", re.IGNORECASE)
_WRONG_MODEL: Final = re.compile(r"invalid model name|not a valid model\b", re.IGNORECASE)
"""How LiteLLM and OpenRouter say, with a 400, that they have no such model."""


@frozen
class Told:
    """An error object, as far as it can be read."""

    message: str = ""
    type: str = ""
    code: str = ""
    status: int | None = None


def refusal(status: int, body: bytes, retry_after_seconds: float | None = None) -> Fault:
    """Give the Fault that an HTTP error amounts to.

    Args:
        status: of the response, not 2xx.
        body: what of it was read.
        retry_after_seconds: what its headers ask for.
    """
    try:
        found = told(json.decode(body))
    except json.Malformed:
        found = Told()
    return _fault(_kind(status, found), found, retry_after_seconds)


def broken(value: Json) -> Fault:
    """Give the Fault that an error object inside an answer amounts to."""
    found = told(value)
    return _fault(_kind(found.status, found), found, None)


def told(value: Json) -> Told:
    """Read an error object: OpenAI's envelope, what is in it, vLLM's flat one, FastAPI's `detail`, a text."""
    while isinstance(value, dict) and isinstance(value.get("error"), dict | str):
        value = value["error"]
    if isinstance(value, str):
        return Told(value)
    if not isinstance(value, dict):
        return Told()
    code = value.get("code")
    message = _first_text(value.get(name) for name in ("message", "detail", "error_description"))
    status = code if type(code) is int and 400 <= code < 600 else None
    return Told(message, _first_text([value.get("type")]), _first_text([code]), status)


def retry_after_seconds(after: str | None, after_ms: str | None, now: float) -> float | None:
    """Read when a server wants to be asked again.

    Args:
        after: `Retry-After` (RFC 9110): seconds, or an HTTP date.
        after_ms: `retry-after-ms`, which OpenAI's SDKs prefer.
        now: Unix time in seconds.
    """
    seconds = _number(after_ms, 0.001)
    if seconds is None:
        seconds = _number(after, 1.0)
    if seconds is None and after is not None:
        seconds = _until(after, now)
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)


def _number(text: str | None, factor: float) -> float | None:
    if text is None or not re.fullmatch(r"\s*\d{1,12}(\.\d{0,12})?\s*", text, re.ASCII):
        return None
    return float(text) * factor


def _until(text: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _kind(status: int | None, found: Told) -> str:
    if status in _TOO_LONG_STATUSES and _TOO_LONG.search(found.message):
        return "context_length_exceeded"
    if status in (500, 501) and _UNABLE.search(found.message):
        return "invalid_prompt"
    if status == 400 and _WRONG_MODEL.search(found.message):
        return "unknown_model"
    word = _by_word(f"{found.code} {found.type}")
    if status is None:
        return word or "model_failed"
    if status == 404:
        about_model = word == "unknown_model" or _NO_MODEL.search(found.message)
        return "unknown_model" if about_model else "model_refused_us"
    if status in (400, 429) and word in ("context_length_exceeded", "quota_exhausted", "unknown_model"):
        return word
    # What is left of redirects and 4xx says that it is asked in the wrong way, or place.
    return _BY_STATUS.get(status, "model_refused_us" if status < 500 else "model_failed")


def _by_word(words: str) -> str | None:
    return next((kind for pattern, kind in _BY_WORD if re.search(pattern, words, re.IGNORECASE)), None)


def _fault(kind: str, found: Told, retry_after: float | None) -> Fault:
    about_request = kind == "invalid_prompt"
    message = found.message[:_LONGEST] if about_request and found.message else None
    return fault(kind, message, retry_after_seconds=retry_after)


def _first_text(values: Iterable[Json]) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")
