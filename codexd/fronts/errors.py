"""Faults in OpenAI's envelope: `{"error": {"message", "type", "param", "code"}}`, all four always there."""

from typing import Final

from codexd.neutral.fault import Fault, fault
from codexd.wire.json import Json, encode

_SHOWN: Final = 128
"""How much of an unknown id is repeated to whoever asked for it."""


def envelope(fault: Fault) -> Json:
    """Give the error object as every OpenAI endpoint has it."""
    return {
        "error": {
            "message": fault.message,
            "type": fault.type,
            "param": fault.param,
            "code": fault.code,
        }
    }


def render(fault: Fault) -> bytes:
    """Write the body of a plain HTTP error."""
    return encode(envelope(fault))


def headers(fault: Fault) -> tuple[tuple[bytes, bytes], ...]:
    """Give the headers that tell an SDK whether and when to try again."""
    found: list[tuple[bytes, bytes]] = []
    if fault.retry_after_seconds is not None:
        seconds = max(1, -int(-fault.retry_after_seconds // 1))
        found.append((b"retry-after", b"%d" % seconds))
    if fault.should_retry is not None:
        found.append((b"x-should-retry", b"true" if fault.should_retry else b"false"))
    if fault.status == 401:
        found.append((b"www-authenticate", b'Bearer realm="codexd"'))
    return tuple(found)


def absent(kind: str, what: str, id: str, param: str | None = None) -> Fault:
    """Give the fault for something that is not kept, or is somebody else's, in OpenAI's words."""
    return fault(kind, f"{what} with id '{id[:_SHOWN]}' not found.", param=param)
