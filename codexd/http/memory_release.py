"""Returns freed memory to the operating system after large requests and responses.

The C library keeps freed memory for later use. Blocks of many sizes, of which some live longer, leave it in pieces that
it does not return by itself: after eight images of 5 MB a daemon would keep 200 MB for ever.
"""

import ctypes
import gc
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

LARGE_BYTES: Final = 2**20
"""What counts as large: smaller bodies reuse the memory of those before them."""

DELAYS_SECONDS: Final = (1.0, 10.0)
"""The times from a large body to the first release, and from that to the second.

By the first one most of what belongs to the body is freed, and several bodies share it; the second one is for what a
busy machine frees later, such as the pipe to a child.
"""


def release_memory() -> None:
    """Free what only cycles refer to, and return the free pages of the C library's heap (glibc, malloc_trim(3))."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class MemoryRelease:
    """Releases memory some time after a large body.

    Args:
        clock: for the delay.
        release: frees and returns the memory.
    """

    def __init__(self, clock: IReactorTime, release: Callable[[], object] = release_memory) -> None:
        self._clock = clock
        self._release_memory = release
        self._timer: IDelayedCall | None = None
        self._is_first = False

    def note(self, size_bytes: int) -> None:
        """Record that bytes of a body are no longer needed."""
        if size_bytes >= LARGE_BYTES and not self._is_first:
            self.stop()
            self._is_first = True
            self._timer = self._clock.callLater(DELAYS_SECONDS[0], self._release_first)

    def stop(self) -> None:
        """Cancel what is planned."""
        timer, self._timer = self._timer, None
        self._is_first = False
        if timer is not None:
            timer.cancel()

    def _release_first(self) -> None:
        self._is_first = False
        self._timer = self._clock.callLater(DELAYS_SECONDS[1], self._release_second)
        self._release_memory()

    def _release_second(self) -> None:
        self._timer = None
        self._release_memory()
