"""Split bytes into lines incrementally. Used by the JSON-lines and server-sent-events decoders."""


class LineBuffer:
    """Splits a byte stream at LF in linear time, whatever the chunking, with one line of memory.

    A chunk of several whole lines costs about one `split`. A line longer than the limit is returned as None,
    so that the caller knows where it was.

    Attributes:
        limit_bytes: the maximum length of a line, without its LF.
        dropped: the number of longer lines.
    """

    __slots__ = ("_partial", "_skipping", "dropped", "limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.dropped = 0
        self._partial = bytearray()  # the unfinished line; extended in place, so tiny chunks need no extra memory
        self._skipping = False

    def receive(self, data: bytes) -> list[bytes | None]:
        """Process the next bytes and return the lines they complete, without their LF."""
        if not (self._partial or self._skipping):
            return self._split(data)
        tail, newline, data = data.partition(b"\n")
        self._append(tail)
        return [self._pop(), *self._split(data)] if newline else []

    def finish(self) -> bytes | None:
        """Return the unterminated last line, if any, and reset the buffer."""
        return self._pop() or None

    def _split(self, data: bytes) -> list[bytes | None]:
        lines: list[bytes | None] = [*data.split(b"\n")]
        rest = lines.pop()
        if len(data) > self.limit_bytes:
            lines = [self._checked(line) for line in lines]
        if rest:
            self._append(rest)
        return lines

    def _checked(self, line: bytes | None) -> bytes | None:
        if line is None or len(line) <= self.limit_bytes:
            return line
        self.dropped += 1
        return None

    def _append(self, part: bytes) -> None:
        if self._skipping:
            return
        if len(self._partial) + len(part) <= self.limit_bytes:
            self._partial += part
            return
        self._partial.clear()
        self._skipping = True
        self.dropped += 1

    def _pop(self) -> bytes | None:
        line = None if self._skipping else bytes(self._partial)
        self._partial.clear()
        self._skipping = False
        return line
