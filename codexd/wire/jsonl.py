"""Newline-delimited JSON: how the app-server's messages are cut out of its pipe."""

from codexd.wire.lines import Lines

LIMIT_BYTES = 256 * 2**20
"""The longest line taken from a child: far above any answer, far below what would hurt the machine."""


class LineSplitter:
    """Cut a byte stream into lines ended by LF or CRLF, blank ones left out.

    Any chunking of the same bytes gives the same lines, in linear time. A line over the limit is dropped to
    its end and counted.
    """

    __slots__ = ("_lines",)

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        """Make a splitter whose lines, a CR before the LF included, have at most `limit_bytes`."""
        self._lines = Lines(limit_bytes)

    @property
    def dropped(self) -> int:
        """How many lines were over the limit."""
        return self._lines.dropped

    def receive(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the lines they complete, without their ends."""
        lines = self._lines.receive(data)
        if b"\r" in data or (lines and data.startswith(b"\n")):
            lines = [line and line.removesuffix(b"\r") for line in lines]
        return [line for line in lines if line]

    def finish(self) -> bytes | None:
        """Return what came after the last line end, if anything did; the splitter is as new after this."""
        line = self._lines.finish()
        return (line and line.removesuffix(b"\r")) or None
