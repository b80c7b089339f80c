"""Refuses the requests of an HTTP/2 client such that it repeats them over HTTP/1.1, or says why it cannot.

A client that expects HTTP/2 without negotiation (`curl --http2-prior-knowledge`) understands only its frames. curl
repeats a request that is reset with HTTP_1_1_REQUIRED over HTTP/1.1 at once; others report that code.
"""

from typing import Final

FIRST_LINE: Final = b"PRI * HTTP/2.0"
"""The beginning of every HTTP/2 connection (RFC 9113, 3.4)."""

_REST_OF_PREFACE: Final = b"\r\nSM\r\n\r\n"
_HEADER_BYTES: Final = 9
_MAX_FRAME_BYTES: Final = 2**14
_HEADERS: Final = 1
SETTINGS: Final = bytes.fromhex("000000 04 00 00000000")
"""The server's first frame, without settings (RFC 9113, 6.5)."""
_RST_STREAM: Final = bytes.fromhex("000004 03 00")
_HTTP_1_1_REQUIRED: Final = (0xD).to_bytes(4)


class Http2Refusal:
    """Reads the frames of one client (RFC 9113, 4.1) and answers each request with a reset.

    Attributes:
        is_over: nothing more is to be read: a request was refused, or this is not HTTP/2.
    """

    def __init__(self) -> None:
        self.is_over = False
        self._buffer = b""
        self._preface = _REST_OF_PREFACE
        self._skipped_bytes = 0

    def receive(self, data: bytes) -> bytes:
        """Receive what follows the first line, in any pieces, and return the frames to send."""
        self._buffer += data
        if self._preface:
            if len(self._buffer) < len(self._preface):
                return b""
            self.is_over = not self._buffer.startswith(self._preface)
            self._buffer, self._preface = self._buffer[len(self._preface) :], b""
        sent = b""
        while not self.is_over and self._skip() and len(self._buffer) >= _HEADER_BYTES:
            sent += self._read_frame(self._buffer[:_HEADER_BYTES])
        return sent

    def _skip(self) -> bool:
        """Drop the payload of the last frame, and return whether all of it was here."""
        size = min(self._skipped_bytes, len(self._buffer))
        self._buffer, self._skipped_bytes = self._buffer[size:], self._skipped_bytes - size
        return self._skipped_bytes == 0

    def _read_frame(self, header: bytes) -> bytes:
        self._buffer = self._buffer[_HEADER_BYTES:]
        self._skipped_bytes = int.from_bytes(header[:3])
        opens_stream = header[3] == _HEADERS
        self.is_over = opens_stream or self._skipped_bytes > _MAX_FRAME_BYTES
        return _RST_STREAM + header[5:] + _HTTP_1_1_REQUIRED if opens_stream else b""
