"""Where the reads of connections end.

Twisted's HTTP client hands on every chunk of a body by itself, though one read may bring hundreds: who waits
for the end of the read takes them together.
"""

from collections.abc import Callable


class Reads:
    """The reads of all connections to one upstream."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] | None = None

    def bring(self, receive: Callable[[bytes], None], data: bytes) -> None:
        """Hand on what was read, then do what waits for its end; also when that breaks."""
        outer, self._waiting = self._waiting, []
        try:
            receive(data)
        finally:
            waiting, self._waiting = self._waiting, outer
            for act in waiting:
                act()

    def at_end(self, act: Callable[[], None]) -> None:
        """Do something at the end of the read that is being handed on; at once if none is."""
        if self._waiting is None:
            act()
        else:
            self._waiting.append(act)
