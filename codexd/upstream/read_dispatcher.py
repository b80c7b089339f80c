"""Runs callbacks at the end of each socket read.

Twisted's HTTP client delivers every chunk of a body separately, although one read may bring hundreds. A body
that waits for the end of the read delivers them together.
"""

from collections.abc import Callable


class ReadDispatcher:
    """Dispatches the reads of all connections to one upstream."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] | None = None

    def dispatch(self, receive: Callable[[bytes], None], data: bytes) -> None:
        """Deliver the data of one read, then run the callbacks of that read, also if the delivery raises."""
        outer, self._callbacks = self._callbacks, []
        try:
            receive(data)
        finally:
            callbacks, self._callbacks = self._callbacks, outer
            for callback in callbacks:
                callback()

    def call_at_end(self, callback: Callable[[], None]) -> None:
        """Call back at the end of the read that is being dispatched, or at once if there is none."""
        if self._callbacks is None:
            callback()
        else:
            self._callbacks.append(callback)
