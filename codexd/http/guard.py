"""What a request must bring: a key, if keys are asked for, and a body that can be read."""

from typing import Final

from attrs import frozen

from codexd.http.request import Request
from codexd.neutral.fault import Fault, Refused, fault
from codexd.policy.auth import Credentials, KeyRing
from codexd.policy.cors import Cors
from codexd.wire.inflate import Corrupt, TooLarge, Undecodable, UnknownEncoding, inflate

STRANGER_BODY_BYTES: Final = 64 * 2**10
"""How much is read of a body whose sender will be refused anyway."""

_READABLE: Final = (b"", b"application/json", b"text/plain")
_UNDECODABLE: Final[dict[type[Undecodable], Fault]] = {
    UnknownEncoding: fault(
        "unsupported_media", "The content encoding must be gzip, deflate, br or zstd, at most two of them."
    ),
    Corrupt: fault("malformed_json", "The body is not what its content encoding says."),
    TooLarge: fault("too_large"),
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
    cors: Cors
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
            Refused: `invalid_api_key`, `foreign_page`.
        """
        if self.keys.open and not self.cors.welcomes(request.getHeader(b"origin")):
            raise Refused(fault("foreign_page"))
        if request.principal is None:
            raise Refused(fault("invalid_api_key"))
        request.record.principal = request.principal.id
        return request.principal.id

    def body(self, request: Request) -> bytes:
        """Give the body, out of its encoding.

        Raises:
            Refused: `too_large`, `unsupported_media`, or `malformed_json` for one that is not what it says.
        """
        if request.oversized:
            raise Refused(fault("too_large"))
        media = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower()
        if media not in _READABLE:
            raise Refused(fault("unsupported_media", "The content type must be application/json."))
        encodings = b",".join(request.requestHeaders.getRawHeaders(b"content-encoding") or ())
        try:
            return inflate(encodings.decode("latin-1"), request.content.getvalue(), self.max_body_bytes)
        except Undecodable as error:
            raise Refused(_UNDECODABLE[type(error)]) from None
