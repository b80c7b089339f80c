"""Translates a Chat server's failures to Faults: its HTTP errors, and errors inside a 2xx response."""

import re
from email.utils import parsedate_to_datetime
from typing import Final

from codexd.backs.provider_errors import ErrorDetails, build_fault, decode_error, read_error
from codexd.neutral.fault import Fault, fault
from codexd.wire import json
from codexd.wire.json import Json

MALFORMED: Final = fault("model_failed", "The model's provider sent a malformed response.")
TOO_LARGE: Final = fault("model_failed", "The model's provider sent a larger response than this server accepts.")

_MAX_WAIT_SECONDS: Final = 86400.0


def translate_http_error(status: int, body: bytes, retry_after_seconds: float | None = None) -> Fault:
    """Return the Fault for an HTTP error response.

    Args:
        status: the status of the response, not 2xx.
        body: the body, possibly cut.
        retry_after_seconds: the delay that the headers ask for.
    """
    try:
        details = read_error(decode_error(body))
    except json.JsonError:
        details = ErrorDetails()
    return build_fault(status, details, retry_after_seconds)


def translate_error(value: Json) -> Fault:
    """Return the Fault for an error object inside a 2xx response."""
    details = read_error(value)
    return build_fault(details.status, details)


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
