"""What a request must bring: a key, if keys are asked for, and a body that can be read."""

from typing import Final

from attrs import frozen

from codexd.http.request import Request
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.policy.auth import Credentials, KeyRing
from codexd.policy.cors import CorsPolicy
from codexd.wire.inflate import BodyTooLargeError, CorruptBodyError, DecodingError, UnsupportedEncodingError, inflate

STRANGER_BODY_BYTES: Final = 64 * 2**10
"""How much is read of a body whose sender will be refused anyway."""

_READABLE: Final = (b"", b"application/json", b"text/plain")
_UNDECODABLE: Final[dict[type[DecodingError], Fault]] = {
    UnsupportedEncodingError: fault(
        "unsupported_media", "The content encoding must be gzip, deflate, br or zstd, at most two of them."
    ),
    CorruptBodyError: fault("malformed_json", "The body is not what its content encoding says."),
    BodyTooLargeError: fault("too_large"),
}


@frozen
class Guard:
    """Tells who asks, and reads what they ask.

    Attributes:
        keys: who may.
        cors: which pages may, where no key stands before them.
        max_body_bytes: of a body, before and after decoding.
    """

    keys: KeyRing
    cors: CorsPolicy
    max_body_bytes: int

    def welcome(self, request: Request) -> int:
        """See by the headers who asks, and say how many bytes of body to take."""
        header = request.getHeader
        presented = Credentials(header(b"authorization"), header(b"x-api-key"), header(b"api-key"))
        request.principal = self.keys.identify(presented)
        return STRANGER_BODY_BYTES if request.principal is None else self.max_body_bytes

    def admit(self, request: Request) -> str:
        """Give the id of who asks, and note it in the record.

        Without keys only this machine can ask, but so can any page that is open in its browser: those are
        kept from spending the account, also with the requests that browsers send without a preflight.

        Raises:
            FaultError: `invalid_api_key`, `foreign_page`.
        """
        if self.keys.is_open and not self.cors.allows(request.getHeader(b"origin")):
            raise FaultError(fault("foreign_page"))
        if request.principal is None:
            raise FaultError(fault("invalid_api_key"))
        request.record.principal = request.principal.id
        return request.principal.id

    def body(self, request: Request) -> bytes:
        """Give the body, out of its encoding.

        Raises:
            FaultError: `too_large`, `unsupported_media`, or `malformed_json` for one that is not what it says.
        """
        if request.oversized:
            raise FaultError(fault("too_large"))
        media = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
        if media not in _READABLE:
            raise FaultError(fault("unsupported_media", "The content type must be application/json."))
        encodings = b",".join(request.requestHeaders.getRawHeaders(b"content-encoding") or ())
        try:
            return inflate(encodings.decode("latin-1"), request.content.getvalue(), self.max_body_bytes)
        except DecodingError as error:
            raise FaultError(_UNDECODABLE[type(error)]) from None
