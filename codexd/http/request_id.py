"""Ids from outside: the request id, the trace context, and ids in paths."""

import re
import secrets
from typing import Final

from werkzeug.routing import BaseConverter

from codexd.policy.tracing import SpanIds, begin_trace, continue_trace

_ACCEPTED: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def request_id(given: bytes | None) -> str:
    """Return the client's own `x-request-id` if it is harmless, else a new id."""
    if given is not None and _ACCEPTED.fullmatch(given):
        return given.decode("ascii")
    return "req_" + secrets.token_hex(16)


def traceparent(given: bytes | None) -> str:
    """Return the client's `traceparent` (W3C Trace Context, version 00) if it is valid, else a new one."""
    if given is not None and _TRACEPARENT.fullmatch(given):
        return given.decode("ascii")
    ids = secrets.token_hex(24)
    return f"00-{ids[:32]}-{ids[32:]}-00"


def begin_span(given: bytes | None, ratio: float) -> SpanIds:
    """Return the ids of a request's span, in the trace of the client's `traceparent` or in a new one.

    Args:
        given: the client's `traceparent`.
        ratio: the part of the new traces that is sampled.
    """
    if given is not None and _TRACEPARENT.fullmatch(given):
        return continue_trace(given.decode("ascii"), secrets.token_hex(8))
    return begin_trace(secrets.token_hex(16), secrets.token_hex(8), ratio)


def read_trace_id(traceparent: str) -> str:
    """Return the id of the trace of a valid `traceparent`."""
    return traceparent[3:35]


class PathId(BaseConverter):
    """An id as one segment of a path; no other segment matches the route."""

    regex = "[A-Za-z0-9._-]{1,256}"
