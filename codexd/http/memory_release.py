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

DELAY_SECONDS: Final = 1.0
"""The time between a large body and the release: what belongs to it is freed by then, and several share one."""


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

    def note(self, size_bytes: int) -> None:
        """Record that bytes of a body are no longer needed."""
        if size_bytes >= LARGE_BYTES and self._timer is None:
            self._timer = self._clock.callLater(DELAY_SECONDS, self._release)

    def stop(self) -> None:
        """Cancel what is planned."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _release(self) -> None:
        self._timer = None
        self._release_memory()
