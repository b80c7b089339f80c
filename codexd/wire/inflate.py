"""Decode the Content-Encoding of request bodies (RFC 9110, 8.4), safe from decompression bombs.

Bodies are decoded in steps of bounded size, so that decoding needs at most the limit plus a small constant of
memory.
"""

import io
import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard

FREE_BYTES = 2**20
"""A decoded body of up to this size may have any ratio: short repetitive texts have high ones."""

_STEP_BYTES = 64 * 2**10
_MAX_MEMBERS = 1024  # gzip members or zstd frames: empty ones cost time without output
_MAX_ENCODINGS = 2
_MAX_WINDOW_BYTES = 8 * 2**20  # RFC 9659: the largest window of a zstd content coding
_ZSTD_STEP_BYTES = 64  # the decoder has no output limit: 4 bytes can expand to 128 KiB, a step to 2 MiB


class DecodingError(ValueError):
    """The body cannot be decoded. The message never contains parts of it."""


class UnsupportedEncodingError(DecodingError):
    """The header names an unsupported encoding, or more than two."""


class CorruptBodyError(DecodingError):
    """The body does not match its encoding: invalid, truncated, or followed by other data."""


class BodyTooLargeError(DecodingError):
    """The decoded body is larger than the limit."""


class RatioError(DecodingError):
    """The decoded body is too many times larger than the encoded one."""


class _LimitedBuffer:
    """Collects decoded bytes and raises when they exceed the limit."""

    def __init__(self, limit_bytes: int, error: type[DecodingError]) -> None:
        self.remaining_bytes = limit_bytes
        self._error = error
        self._bytes = io.BytesIO()

    def write(self, piece: bytes) -> None:
        self.remaining_bytes -= len(piece)
        if self.remaining_bytes < 0:
            raise self._error("the decoded body exceeds the limit")
        self._bytes.write(piece)

    def content(self) -> bytes:
        return self._bytes.getvalue()


def inflate(encodings: str, body: bytes, limit_bytes: int, max_ratio: int | None = None) -> bytes:
    """Decode a body: gzip, deflate (zlib or raw), br, zstd, or two of them combined.

    Args:
        encodings: the Content-Encoding header: names in the order of application; `identity` and `""` are
            skipped.
        body: the encoded body.
        limit_bytes: the limit of the decoded body and of every intermediate result.
        max_ratio: how many times larger than the encoded body they may be; FREE_BYTES are always accepted.

    Raises:
        UnsupportedEncodingError: for any other encoding, or for more than two.
        CorruptBodyError: if the body does not match its encoding exactly.
        BodyTooLargeError: if the decoded body exceeds the limit.
        RatioError: if it exceeds the ratio only.
    """
    names = [name.strip().lower() for name in encodings.split(",")]
    decoders = [_decoder(name) for name in reversed(names) if name not in ("", "identity")]
    if len(decoders) > _MAX_ENCODINGS:
        raise UnsupportedEncodingError("more than two encodings")
    allowed = limit_bytes if max_ratio is None else max(FREE_BYTES, max_ratio * len(body))
    error = RatioError if allowed < limit_bytes else BodyTooLargeError
    for decode in decoders:
        buffer = _LimitedBuffer(min(allowed, limit_bytes), error)
        try:
            decode(body, buffer)
        except (zlib.error, brotli.error, zstandard.ZstdError):
            raise CorruptBodyError("the body does not match its encoding") from None
        body = buffer.content()
    if len(body) > limit_bytes:
        raise BodyTooLargeError("the body exceeds the limit")
    return body


def _decoder(name: str) -> Callable[[bytes, _LimitedBuffer], None]:
    decode = _DECODERS.get(name)
    if decode is None:
        raise UnsupportedEncodingError("the encoding is not supported (gzip, deflate, br, zstd)")
    return decode


def _steps(body: bytes, step_bytes: int) -> Iterator[bytes]:
    return (body[at : at + step_bytes] for at in range(0, len(body), step_bytes))


def _gzip(body: bytes, buffer: _LimitedBuffer) -> None:
    _zlib_members(body, buffer, 16 + zlib.MAX_WBITS, _MAX_MEMBERS)


def _deflate(body: bytes, buffer: _LimitedBuffer) -> None:
    # RFC 9110 requires the zlib format, but some clients send raw deflate: check the header (RFC 1950, 2.2).
    wrapped = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    _zlib_members(body, buffer, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS, 1)


def _zlib_members(body: bytes, buffer: _LimitedBuffer, wbits: int, members_max: int) -> None:
    decoder, members = zlib.decompressobj(wbits), 1
    for data in _steps(body, _STEP_BYTES):
        while data:
            if decoder.eof:
                decoder, members = zlib.decompressobj(wbits), members + 1
                _check_members(members, members_max)
            buffer.write(decoder.decompress(data, _STEP_BYTES))
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    while not decoder.eof:  # the last step may have left output that needs no more input
        piece = decoder.decompress(b"", _STEP_BYTES)
        if not piece and not decoder.eof:
            raise CorruptBodyError("the body is truncated")
        buffer.write(piece)


def _zstd(body: bytes, buffer: _LimitedBuffer) -> None:
    opener = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    decoder, members = opener.decompressobj(), 1
    for data in _steps(body, _ZSTD_STEP_BYTES):
        while data:
            if decoder.eof:
                decoder, members = opener.decompressobj(), members + 1
                _check_members(members, _MAX_MEMBERS)
            buffer.write(decoder.decompress(data))
            data = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise CorruptBodyError("the body is truncated")


def _brotli(body: bytes, buffer: _LimitedBuffer) -> None:
    decoder = brotli.Decompressor()
    for data in _steps(body, _STEP_BYTES):
        piece = decoder.process(data, output_buffer_limit=_STEP_BYTES)
        buffer.write(piece)
        while not decoder.is_finished() and (piece or not decoder.can_accept_more_data()):
            piece = decoder.process(b"", output_buffer_limit=_STEP_BYTES)
            buffer.write(piece)
    if not decoder.is_finished():
        raise CorruptBodyError("the body is truncated")


def _check_members(members: int, members_max: int) -> None:
    if members > members_max:
        raise CorruptBodyError("the body has data after its end")


_DECODERS: dict[str, Callable[[bytes, _LimitedBuffer], None]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
