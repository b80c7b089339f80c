"""Bytes to lines, incrementally: the cutter under JSON lines and server-sent events."""


class Lines:
    """Cut a byte stream at LF, in linear time however it is chunked, holding no more than one limited line.

    A chunk of several whole lines costs about one `split`. A line longer than the limit is given as None, in
    its place, so that a reader can tell what it stood in.

    Attributes:
        limit_bytes: of one line, its LF not counted.
        dropped: how many lines were longer.
    """

    __slots__ = ("_held", "_skipping", "dropped", "limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.dropped = 0
        self._held = bytearray()  # the unfinished line: grows in place, so tiny chunks take no more room
        self._skipping = False

    def receive(self, data: bytes) -> list[bytes | None]:
        """Take the next bytes; return the lines they complete, without their LF."""
        if not (self._held or self._skipping):
            return self._cut(data)
        tail, newline, data = data.partition(b"\n")
        self._hold(tail)
        return [self._take(), *self._cut(data)] if newline else []

    def finish(self) -> bytes | None:
        """Return the line that no LF ended, if there is one; the cutter is as new after this."""
        return self._take() or None

    def _cut(self, data: bytes) -> list[bytes | None]:
        lines: list[bytes | None] = [*data.split(b"\n")]
        rest = lines.pop()
        if len(data) > self.limit_bytes:
            lines = [self._checked(line) for line in lines]
        if rest:
            self._hold(rest)
        return lines

    def _checked(self, line: bytes | None) -> bytes | None:
        if line is None or len(line) <= self.limit_bytes:
            return line
        self.dropped += 1
        return None

    def _hold(self, part: bytes) -> None:
        if self._skipping:
            return
        if len(self._held) + len(part) <= self.limit_bytes:
            self._held += part
            return
        self._held.clear()
        self._skipping = True
        self.dropped += 1

    def _take(self) -> bytes | None:
        line = None if self._skipping else bytes(self._held)
        self._held.clear()
        self._skipping = False
        return line
