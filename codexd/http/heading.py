"""The headers that every answer has, whatever its shape."""

from collections.abc import Iterable
from typing import Final

from codexd.http.request import Request

STREAM: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
"""What a stream has beside them."""

_VERSION: Final = b"2020-10-01"  # of OpenAI's API, as it says itself


def set_heading(request: Request, ignored: Iterable[str] = ()) -> None:
    """Set the headers: the first byte is about to leave.

    Args:
        ignored: the request's fields that had no effect; the journal is told of them, too.
    """
    names = request.record.ignored = tuple(dict.fromkeys(ignored))
    request.setHeader(b"openai-processing-ms", b"%d" % request.milliseconds())
    request.setHeader(b"openai-version", _VERSION)
    if names:
        request.setHeader(b"x-codexd-ignored", ", ".join(names).encode())
