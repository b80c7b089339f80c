"""Server-sent events (WHATWG HTML, section 9.2): write frames, read streams."""

from attrs import frozen

from codexd.wire.lines import Lines

LIMIT_BYTES = 64 * 2**20
"""The longest event read: as large as the largest request body."""

_BOM = b"\xef\xbb\xbf"


def frame(data: bytes, event: bytes | None = None) -> bytes:
    """Write one whole event; `data` must hold no newline (compact JSON never does)."""
    if event is None:
        return b"data: " + data + b"\n\n"
    return b"event: " + event + b"\ndata: " + data + b"\n\n"


def comment(text: bytes = b"") -> bytes:
    """Write a comment frame, which every conforming reader ignores: a keep-alive."""
    return b": " + text + b"\n\n"


@frozen
class Frame:
    """One event as read.

    Attributes:
        event: its type; None where the stream names none (`message`, in a browser).
        data: its data lines, joined by LF. UTF-8 by contract, unchecked here.
    """

    event: bytes | None
    data: bytes


class Reader:
    """Read an event stream, the same whatever its chunking; `id`, `retry` and comments are skipped.

    An event over the limit, or with a line over it, is dropped whole and counted. One that no blank line ends
    is never given, as the standard says.

    Attributes:
        dropped: how many events were over the limit.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        """Make a reader of events whose data lines have at most `limit_bytes` together."""
        self.dropped = 0
        self._lines = Lines(limit_bytes)
        self._after_cr = False
        self._at_start = True
        self._event: bytes | None = None
        self._data: list[bytes] = []
        self._size_bytes = 0
        self._spoilt = False

    def receive(self, data: bytes) -> list[Frame]:
        """Take the next bytes; return the events they complete."""
        frames = []
        for line in self._lines.receive(self._with_lf(data)):
            if self._at_start and line is not None:
                line = line.removeprefix(_BOM)
            self._at_start = False
            if line:
                self._field(line)
            elif line is None:
                self._spoil()
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
        elif name == b"data" and not self._spoilt:
            self._size_bytes += len(value) + 1
            self._data.append(value)
            if self._size_bytes > self._lines.limit_bytes:
                self._spoil()

    def _spoil(self) -> None:
        self.dropped += not self._spoilt
        self._spoilt = True
        self._data.clear()

    def _dispatch(self) -> list[Frame]:
        frames = [Frame(self._event, b"\n".join(self._data))] if self._data else []
        self._event, self._size_bytes, self._spoilt = None, 0, False
        self._data.clear()
        return frames
