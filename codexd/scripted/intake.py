"""Take a request's body in: bounded while it arrives, decompressed, decoded."""

from typing import Any

from twisted.web.server import Request

from codexd.scripted.errors import Error, Rejected
from codexd.wire import inflate
from codexd.wire.json import Json, Malformed, decode

MOST_BYTES = 64 * 2**20
"""The largest body, both as it arrives and decompressed."""

_STATUSES = {inflate.TooLarge: 413, inflate.UnknownEncoding: 415}


class BoundedRequest(Request):
    """A request that keeps its body up to the limit and a little more, by which the excess is seen."""

    received_bytes = 0

    def handleContentChunk(self, data: bytes) -> None:
        """Keep what begins within the limit; the rest is dropped."""
        if self.received_bytes <= MOST_BYTES:
            super().handleContentChunk(data)
        self.received_bytes += len(data)


def read(request: Any) -> bytes:
    """Take the whole body of a `twisted.web` request, decompressed.

    Raises:
        Rejected: 413 when it is too large, 415 for an unknown encoding, 400 when it is corrupt.
    """
    try:
        return inflate.inflate(
            request.getHeader("content-encoding") or "", request.content.read(), MOST_BYTES
        )
    except inflate.Undecodable as undecodable:
        raise Rejected(Error(_STATUSES.get(type(undecodable), 400), str(undecodable))) from None


def parse(body: bytes) -> dict[str, Json]:
    """Decode a body that must be one JSON object.

    Raises:
        Rejected: 400 when it is none.
    """
    try:
        value = decode(body)
    except Malformed as malformed:
        raise Rejected(Error(400, f"The body is not JSON: {malformed}")) from None
    if not isinstance(value, dict):
        raise Rejected(Error(400, "The body is not a JSON object."))
    return value
