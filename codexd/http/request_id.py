"""Ids from outside: the request id, the trace context, and ids in paths."""

import re
import secrets
from collections.abc import Iterable
from typing import Final

from werkzeug.routing import BaseConverter

from codexd.policy.tracing import SpanIds, begin_trace, continue_trace

_ACCEPTED: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?"
)
_TRACESTATE: Final = re.compile(rb"[ -~]{1,512}")


def request_id(given: bytes | None) -> str:
    """Return the client's own `x-request-id` if it is harmless, else a new id."""
    if given is not None and _ACCEPTED.fullmatch(given):
        return given.decode("ascii")
    return "req_" + secrets.token_hex(16)


def traceparent(given: bytes | None) -> str:
    """Return the client's `traceparent` (W3C Trace Context) as one of version 00 if it is valid, else a new one."""
    if (valid := _read_traceparent(given)) is not None:
        return valid
    ids = secrets.token_hex(24)
    return f"00-{ids[:32]}-{ids[32:]}-00"


def begin_span(given: bytes | None, ratio: float) -> SpanIds:
    """Return the ids of a request's span, in the trace of the client's `traceparent` or in a new one.

    Args:
        given: the client's `traceparent`.
        ratio: the part of the new traces that is sampled.
    """
    if (valid := _read_traceparent(given)) is not None:
        return continue_trace(valid, secrets.token_hex(8))
    return begin_trace(secrets.token_hex(16), secrets.token_hex(8), ratio)


def _read_traceparent(given: bytes | None) -> str | None:
    """Return a valid `traceparent` as one of version 00; of a higher version only the fields that are known."""
    found = None if given is None else _TRACEPARENT.fullmatch(given)
    if found is None:
        return None
    version, ids, flags, further = found.groups()
    if version == b"00":
        return None if further is not None else found[0].decode("ascii")
    return f"00-{ids.decode('ascii')}-{int(flags, 16) & 1:02x}"


def tracestate(given: Iterable[bytes]) -> str:
    """Return the client's `tracestate`, for upstreams; empty if it has none, or one that is not passed on."""
    joined = b",".join(given)
    return joined.decode("ascii") if _TRACESTATE.fullmatch(joined) else ""


def read_trace_id(traceparent: str) -> str:
    """Return the id of the trace of a valid `traceparent`."""
    return traceparent[3:35]


class PathId(BaseConverter):
    """An id as one segment of a path; no other segment matches the route."""

    regex = "[A-Za-z0-9._-]{1,256}"
