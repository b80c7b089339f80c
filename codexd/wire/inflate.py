"""Request bodies out of their Content-Encoding (RFC 9110, 8.4), safe from decompression bombs.

Everything is decoded in steps of bounded size, so that a body takes at most its limit and a small constant,
whatever it holds.
"""

import io
import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard

_STEP_BYTES = 64 * 2**10
_MEMBERS_MAX = 1024  # of gzip, of zstd frames: empty ones cost time and give nothing
_LAYERS_MAX = 2
_WINDOW_MAX_BYTES = 8 * 2**20  # RFC 9659: what a zstd content coding may ask of its reader
_ZSTD_STEP_BYTES = 64  # its decoder cannot be told to stop: 4 bytes can hold 128 KiB, so a step 2 MiB


class Undecodable(ValueError):
    """The body cannot be decoded; the message never quotes it."""


class UnknownEncoding(Undecodable):
    """The header names an encoding that is not spoken here, or too many of them."""


class Corrupt(Undecodable):
    """The body is not what its encoding says: garbage, cut short, or followed by something else."""


class TooLarge(Undecodable):
    """The body holds more than the limit."""


class _Basin:
    """What has been decoded so far, never more than the limit."""

    def __init__(self, limit_bytes: int) -> None:
        self.room_bytes = limit_bytes
        self._bytes = io.BytesIO()

    def pour(self, piece: bytes) -> None:
        self.room_bytes -= len(piece)
        if self.room_bytes < 0:
            raise TooLarge("the decoded body is over the limit")
        self._bytes.write(piece)

    def content(self) -> bytes:
        return self._bytes.getvalue()


def inflate(encodings: str, body: bytes, limit_bytes: int) -> bytes:
    """Decode a body: gzip, deflate (zlib or raw), br, zstd, or two of them one over the other.

    Args:
        encodings: the Content-Encoding header, in the order they were applied; `identity` and `""` are none.
        body: as it came.
        limit_bytes: of the decoded body, and of anything on the way to it.

    Raises:
        UnknownEncoding: for any other encoding, or more than two.
        Corrupt: when the body is not wholly and only what was announced.
        TooLarge: when it would be over the limit.
    """
    names = [name.strip().lower() for name in encodings.split(",")]
    decoders = [_decoder(name) for name in reversed(names) if name not in ("", "identity")]
    if len(decoders) > _LAYERS_MAX:
        raise UnknownEncoding("more than two encodings")
    for decode in decoders:
        basin = _Basin(limit_bytes)
        try:
            decode(body, basin)
        except (zlib.error, brotli.error, zstandard.ZstdError):
            raise Corrupt("the body is not what its encoding says") from None
        body = basin.content()
    if len(body) > limit_bytes:
        raise TooLarge("the body is over the limit")
    return body


def _decoder(name: str) -> Callable[[bytes, _Basin], None]:
    decode = _DECODERS.get(name)
    if decode is None:
        raise UnknownEncoding("the encoding is none of gzip, deflate, br, zstd")
    return decode


def _steps(body: bytes, step_bytes: int) -> Iterator[bytes]:
    return (body[at : at + step_bytes] for at in range(0, len(body), step_bytes))


def _gzip(body: bytes, basin: _Basin) -> None:
    _zlib_members(body, basin, 16 + zlib.MAX_WBITS, _MEMBERS_MAX)


def _deflate(body: bytes, basin: _Basin) -> None:
    # RFC 9110 means the zlib format, some clients send raw deflate; its header tells (RFC 1950, 2.2).
    wrapped = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    _zlib_members(body, basin, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS, 1)


def _zlib_members(body: bytes, basin: _Basin, wbits: int, members_max: int) -> None:
    decoder, members = zlib.decompressobj(wbits), 1
    for data in _steps(body, _STEP_BYTES):
        while data:
            if decoder.eof:
                decoder, members = zlib.decompressobj(wbits), members + 1
                _check_members(members, members_max)
            basin.pour(decoder.decompress(data, _STEP_BYTES))
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    while not decoder.eof:  # the last step may have left output behind that needs no more input
        piece = decoder.decompress(b"", _STEP_BYTES)
        if not piece and not decoder.eof:
            raise Corrupt("the body is cut short")
        basin.pour(piece)


def _zstd(body: bytes, basin: _Basin) -> None:
    opener = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX_BYTES)
    decoder, members = opener.decompressobj(), 1
    for data in _steps(body, _ZSTD_STEP_BYTES):
        while data:
            if decoder.eof:
                decoder, members = opener.decompressobj(), members + 1
                _check_members(members, _MEMBERS_MAX)
            basin.pour(decoder.decompress(data))
            data = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise Corrupt("the body is cut short")


def _brotli(body: bytes, basin: _Basin) -> None:
    decoder = brotli.Decompressor()
    for data in _steps(body, _STEP_BYTES):
        piece = decoder.process(data, output_buffer_limit=_STEP_BYTES)
        basin.pour(piece)
        while not decoder.is_finished() and (piece or not decoder.can_accept_more_data()):
            piece = decoder.process(b"", output_buffer_limit=_STEP_BYTES)
            basin.pour(piece)
    if not decoder.is_finished():
        raise Corrupt("the body is cut short")


def _check_members(members: int, members_max: int) -> None:
    if members > members_max:
        raise Corrupt("the body goes on after its end")


_DECODERS: dict[str, Callable[[bytes, _Basin], None]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
