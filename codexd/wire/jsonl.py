"""Split the app-server's output into lines (newline-delimited JSON)."""

from codexd.wire.lines import LineBuffer

LIMIT_BYTES = 256 * 2**20
"""The longest accepted line: far more than any answer needs, far less than would exhaust memory."""


class LineSplitter:
    """Splits a byte stream into lines ended by LF or CRLF and skips blank ones.

    Any chunking of the same bytes yields the same lines, in linear time. A line over the limit is dropped and
    counted.
    """

    __slots__ = ("_lines",)

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        """Create a splitter for lines of at most `limit_bytes`, including a CR before the LF."""
        self._lines = LineBuffer(limit_bytes)

    @property
    def dropped(self) -> int:
        """The number of dropped lines."""
        return self._lines.dropped

    def receive(self, data: bytes) -> list[bytes]:
        """Process the next bytes and return the lines they complete, without line endings."""
        lines = self._lines.receive(data)
        if b"\r" in data or (lines and data.startswith(b"\n")):
            lines = [line and line.removesuffix(b"\r") for line in lines]
        return [line for line in lines if line]

    def finish(self) -> bytes | None:
        """Return the unterminated last line, if any, and reset the splitter."""
        line = self._lines.finish()
        return (line and line.removesuffix(b"\r")) or None
