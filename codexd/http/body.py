"""Reads and decompresses request bodies."""

from typing import Final

from codexd.http.request import Request
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.wire.inflate import (
    BodyTooLargeError,
    CorruptBodyError,
    DecodingError,
    UnsupportedEncodingError,
    inflate,
)

_TOO_MUCH_RECEIVED: Final = (
    "The requests that are being handled have too many bytes (http.max_received_bytes). Try again shortly."
)
_READABLE: Final = (b"", b"application/json", b"text/plain")
_FAULTS: Final[dict[type[DecodingError], Fault]] = {
    UnsupportedEncodingError: fault(
        "unsupported_media", "The content encoding must be gzip, deflate, br or zstd, at most two of them."
    ),
    CorruptBodyError: fault("malformed_json", "The body is not what its content encoding says."),
    BodyTooLargeError: fault("too_large"),
}


def read_body(request: Request, max_bytes: int, other_media: tuple[bytes, ...] = ()) -> bytes:
    """Return the decoded body.

    Args:
        max_bytes: the largest decoded body that is accepted.
        other_media: media types that are accepted besides JSON.

    Raises:
        FaultError: `shutting_down`, `busy`, `too_large`, `unsupported_media`, or `malformed_json` for a body that
            contradicts its encoding.
    """
    if request.interrupted:
        raise FaultError(fault("shutting_down"))
    if request.crowded:
        raise FaultError(fault("busy", _TOO_MUCH_RECEIVED))
    if request.oversized:
        raise FaultError(fault("too_large"))
    media = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
    if media not in _READABLE and media not in other_media:
        accepted = " or ".join(("application/json", *(other.decode() for other in other_media)))
        raise FaultError(fault("unsupported_media", f"The content type must be {accepted}."))
    encodings = b",".join(request.requestHeaders.getRawHeaders(b"content-encoding") or ())
    try:
        return inflate(encodings.decode("latin-1"), request.take_content(), max_bytes)
    except DecodingError as error:
        raise FaultError(_FAULTS[type(error)]) from None
