"""Reads, decompresses and decodes request bodies: small ones at once, large ones in a thread.

Decoding is pure. In a thread it takes turns with the reactor, which waits for one call of C code at most.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred

from codexd.decode_thread import RunInThread, run_at_once
from codexd.fronts.dialect import DecodedRequest, PendingRequest
from codexd.fronts.limits import DEFAULT_LIMITS, RequestLimits, check_history
from codexd.http.request import Request
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.records import frozen
from codexd.neutral.stored import LoadedHistory
from codexd.wire.inflate import (
    BodyTooLargeError,
    CorruptBodyError,
    DecodingError,
    RatioError,
    UnsupportedEncodingError,
    inflate,
)

_TOO_MUCH_RECEIVED: Final = (
    "The requests that are being handled have too many bytes (http.max_received_bytes). Try again shortly."
)
SMALL_BYTES: Final = 32 * 2**10
"""Decoding a body of up to this size takes a few milliseconds at most, which is not worth a switch of threads."""

_SMALL_ITEMS: Final = 64

_READABLE: Final = (b"", b"application/json", b"text/plain")
_FAULTS: Final[dict[type[DecodingError], Fault]] = {
    UnsupportedEncodingError: fault(
        "unsupported_media", "The content encoding must be gzip, deflate, br or zstd, at most two of them."
    ),
    CorruptBodyError: fault("malformed_json", "The body is not what its content encoding says."),
    BodyTooLargeError: fault("too_large"),
    RatioError: fault(
        "inflates_too_much",
        "The decompressed body is too many times larger than the compressed one (http.max_inflate_ratio).",
    ),
}

_T = TypeVar("_T")


@frozen(kw_only=True)
class BodyReader:
    """Reads the bodies of requests.

    Attributes:
        max_bytes: the largest body that is accepted, before and after decompression.
        max_ratio: how many times larger than the compressed body the decompressed one may be.
        limits: what a request may contain.
        run_in_thread: runs the decoding of large bodies.
        on_released: called with the bytes that were decompressed at most, once they are decoded.
    """

    max_bytes: int
    max_ratio: int
    limits: RequestLimits = DEFAULT_LIMITS
    run_in_thread: RunInThread = run_at_once
    on_released: Callable[[int], object] = lambda _: None

    def decode(
        self, request: Request, decode: Callable[[bytes], _T], other_media: tuple[bytes, ...] = ()
    ) -> "_T | Deferred[_T]":
        """Return the decoded body, or a Deferred of it if it is large.

        Args:
            decode: decodes the decompressed body; pure, as it may run in a thread.
            other_media: media types that are accepted besides JSON.

        Raises:
            FaultError: `shutting_down`, `busy`, `too_large`, `inflates_too_much`, `unsupported_media`,
                `malformed_json` for a body that contradicts its encoding, or as `decode`.
        """
        encodings, encoded = _check_head(request, other_media), request.take_content()
        if len(encoded) <= SMALL_BYTES:
            try:
                return decode(self._inflate(encodings, encoded, min(SMALL_BYTES, self.max_bytes)))
            except BodyTooLargeError:
                pass  # It is small only while it is compressed.
            except DecodingError as error:
                raise FaultError(_FAULTS[type(error)]) from None
        request.context = evolve(request.context, is_large=True)
        decoding = self.run_in_thread(lambda: decode(self._inflate_fully(encodings, encoded)))
        # What a thread frees stays in its own heap; a body that is not compressed is counted by its request.
        return decoding.addBoth(
            self._note_released, min(self.max_bytes, self.max_ratio * len(encoded)) if encodings else 0
        )

    async def decode_fully(
        self, request: Request, decode: Callable[[bytes], _T], other_media: tuple[bytes, ...] = ()
    ) -> _T:
        """Return the decoded body; arguments and errors as `decode`."""
        decoded = self.decode(request, decode, other_media)
        return await decoded if isinstance(decoded, Deferred) else decoded

    async def complete(self, request: Request, pending: PendingRequest, loaded: LoadedHistory) -> DecodedRequest:
        """Decode the rest of a request with its stored history; raises FaultError as `PendingRequest.complete`."""
        check_history(len(loaded.history or ()), self.limits)
        if not request.context.is_large and not _is_long(loaded):
            return pending.complete(loaded)
        request.context = evolve(request.context, is_large=True)
        return await self.run_in_thread(lambda: pending.complete(loaded))

    def _note_released(self, result: Any, size_bytes: int) -> Any:
        self.on_released(size_bytes)
        return result

    def _inflate_fully(self, encodings: str, encoded: bytes) -> bytes:
        try:
            return self._inflate(encodings, encoded, self.max_bytes)
        except DecodingError as error:
            raise FaultError(_FAULTS[type(error)]) from None

    def _inflate(self, encodings: str, encoded: bytes, limit_bytes: int) -> bytes:
        return inflate(encodings, encoded, limit_bytes, self.max_ratio)


def read_body(request: Request, max_bytes: int, other_media: tuple[bytes, ...] = ()) -> bytes:
    """Return the decompressed body of a request that has only a small one.

    Arguments and errors are those of `BodyReader.decode`.
    """
    encodings = _check_head(request, other_media)
    try:
        return inflate(encodings, request.take_content(), max_bytes)
    except DecodingError as error:
        raise FaultError(_FAULTS[type(error)]) from None


def _is_long(loaded: LoadedHistory) -> bool:
    history = loaded.history or ()
    return len(history) > _SMALL_ITEMS or sum(len(item.body) for item in history) > SMALL_BYTES


def _check_head(request: Request, other_media: tuple[bytes, ...]) -> str:
    """Check what the headers say about the body, and return its content encodings."""
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
    return b",".join(request.requestHeaders.getRawHeaders(b"content-encoding") or ()).decode("latin-1")
