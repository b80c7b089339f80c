"""Headers that every response of a model endpoint has."""

from collections.abc import Iterable
from typing import Final

from codexd.http.request import Request

STREAM: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
"""Headers of an SSE stream."""


def set_response_headers(request: Request, ignored: Iterable[str] = ()) -> None:
    """Set the headers, right before the first byte leaves.

    Args:
        ignored: the request's fields without effect; the request log reports them, too.
    """
    dialect = request.dialect
    if dialect.duration_header:
        request.setHeader(dialect.duration_header, b"%d" % request.milliseconds())
    request.set_headers(dialect.headers)
    request.set_limit_headers()
    set_ignored_header(request, ignored)


def set_ignored_header(request: Request, ignored: Iterable[str]) -> None:
    """List the request's fields without effect in `x-codexd-ignored`, and in its line of the access log."""
    names = request.record.ignored = tuple(dict.fromkeys(ignored))
    if names:
        request.setHeader(b"x-codexd-ignored", ", ".join(names).encode())
