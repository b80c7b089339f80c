"""OpenAI's error object: `{"error": {"message", "type", "param", "code"}}`, always with all four members."""

from typing import Final

from codexd.neutral.fault import Fault, fault
from codexd.wire.json import Json, encode

_MAX_ECHOED_CHARACTERS: Final = 128
"""How many characters of an unknown id an error message repeats."""


def build_error_object(fault: Fault) -> Json:
    """Build the error object of every OpenAI endpoint."""
    return {
        "error": {
            "message": fault.message,
            "type": fault.type,
            "param": fault.param,
            "code": fault.code,
        }
    }


def render_error(fault: Fault) -> bytes:
    """Render the body of an HTTP error."""
    return encode(build_error_object(fault))


def error_headers(fault: Fault) -> tuple[tuple[bytes, bytes], ...]:
    """Return the response headers that tell an SDK whether and when to retry."""
    found: list[tuple[bytes, bytes]] = []
    if fault.retry_after_seconds is not None:
        seconds = max(1, -int(-fault.retry_after_seconds // 1))
        found.append((b"retry-after", b"%d" % seconds))
    if fault.should_retry is not None:
        found.append((b"x-should-retry", b"true" if fault.should_retry else b"false"))
    if fault.status == 401:
        found.append((b"www-authenticate", b'Bearer realm="codexd"'))
    return tuple(found)


def not_found(kind: str, what: str, id: str, param: str | None = None) -> Fault:
    """Return OpenAI's fault for an object that does not exist or belongs to another principal."""
    return fault(kind, f"{what} with id '{id[:_MAX_ECHOED_CHARACTERS]}' not found.", param=param)
