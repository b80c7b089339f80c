"""Encode and decode server-sent events (WHATWG HTML, section 9.2)."""

from codexd.neutral.records import frozen
from codexd.wire.lines import LineBuffer

LIMIT_BYTES = 64 * 2**20
"""The largest accepted event: as large as the largest request body."""

_BOM = b"\xef\xbb\xbf"


def encode_event(event: tuple[bytes, bytes]) -> bytes:
    """Encode one event, a pair of its name (b"" for none) and its data: one argument, as it is called for every delta.

    The data must not contain a newline (compact JSON never does).
    """
    return b"event: %b\ndata: %b\n\n" % event if event[0] else b"data: %b\n\n" % event[1]


def encode_frame(data: bytes, name: bytes = b"") -> bytes:
    """Encode one event of this name, b"" for none; `data` as in `encode_event`."""
    return encode_event((name, data))


def encode_comment(text: bytes = b"") -> bytes:
    """Encode a comment, which conforming clients ignore: a keep-alive."""
    return b": " + text + b"\n\n"


@frozen
class SseFrame:
    """One decoded event.

    Attributes:
        event: its type; None if the stream has no `event` line (`message` in a browser).
        data: its data lines, joined by LF. UTF-8 by contract; not checked here.
    """

    event: bytes | None
    data: bytes


class SseDecoder:
    """Decodes an event stream with any chunking; skips `id`, `retry` and comments.

    An event that exceeds the limit, or has a line that does, is dropped and counted. An event that no blank
    line ends is never returned, as the standard requires.

    Attributes:
        dropped: the number of dropped events.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        """Create a decoder for events whose data lines have at most `limit_bytes` in total."""
        self.dropped = 0
        self._lines = LineBuffer(limit_bytes)
        self._after_cr = False
        self._at_start = True
        self._event: bytes | None = None
        self._data: list[bytes] = []
        self._size_bytes = 0
        self._oversized = False

    def receive(self, data: bytes) -> list[SseFrame]:
        """Process the next bytes and return the events they complete."""
        frames = []
        for line in self._lines.receive(self._with_lf(data)):
            if self._at_start and line is not None:
                line = line.removeprefix(_BOM)
            self._at_start = False
            if line:
                self._field(line)
            elif line is None:
                self._drop_event()
            else:
                frames += self._dispatch()
        return frames

    def _with_lf(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._event = value or None
        elif name == b"data" and not self._oversized:
            self._size_bytes += len(value) + 1
            self._data.append(value)
            if self._size_bytes > self._lines.limit_bytes:
                self._drop_event()

    def _drop_event(self) -> None:
        self.dropped += not self._oversized
        self._oversized = True
        self._data.clear()

    def _dispatch(self) -> list[SseFrame]:
        frames = [SseFrame(self._event, b"\n".join(self._data))] if self._data else []
        self._event, self._size_bytes, self._oversized = None, 0, False
        self._data.clear()
        return frames
