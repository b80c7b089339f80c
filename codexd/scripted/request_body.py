"""Read request bodies: limit their size on arrival, decompress and decode them."""

from typing import Any

from twisted.web.server import Request

from codexd.scripted.errors import ErrorEnvelope, RequestRejectedError
from codexd.wire import inflate
from codexd.wire.json import Json, JsonError, decode

MAX_BODY_BYTES = 64 * 2**20
"""The maximum size of a body, both compressed and decompressed."""

_STATUSES = {inflate.BodyTooLargeError: 413, inflate.UnsupportedEncodingError: 415}


class BoundedRequest(Request):
    """A request that buffers its body only slightly beyond the limit, so that the excess is detected."""

    received_bytes = 0

    def handleContentChunk(self, data: bytes) -> None:
        """Buffer the chunks that begin within the limit and drop the rest."""
        if self.received_bytes <= MAX_BODY_BYTES:
            super().handleContentChunk(data)
        self.received_bytes += len(data)


def read(request: Any) -> bytes:
    """Return the decompressed body of a `twisted.web` request.

    Raises:
        RequestRejectedError: 413 if it is too large, 415 for an unknown encoding, 400 if it is corrupt.
    """
    try:
        return inflate.inflate(request.getHeader("content-encoding") or "", request.content.read(), MAX_BODY_BYTES)
    except inflate.DecodingError as error:
        raise RequestRejectedError(ErrorEnvelope(status=_STATUSES.get(type(error), 400), message=str(error))) from None


def parse(body: bytes) -> dict[str, Json]:
    """Decode a body, which must be one JSON object.

    Raises:
        RequestRejectedError: 400 if it is not.
    """
    try:
        value = decode(body)
    except JsonError as error:
        raise RequestRejectedError(ErrorEnvelope(status=400, message=f"The body is not valid JSON: {error}")) from None
    if not isinstance(value, dict):
        raise RequestRejectedError(ErrorEnvelope(status=400, message="The body is not a JSON object."))
    return value
