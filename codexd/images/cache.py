"""A cache of limited age and memory; the entries that were not used for longest are removed first."""

from collections import OrderedDict
from typing import Final

from codexd.neutral.records import frozen

ENTRY_BYTES: Final = 512
"""About what an entry takes beside its texts."""

Key = tuple[str, str]
"""The owner and the URL."""


@frozen
class _Entry:
    data_url: str
    expires: float


class ImageCache:
    """Images as `data:` URLs by owner and URL.

    Args:
        seconds: how long an image is kept, from its fetch on.
        limit_bytes: the maximum memory of all entries; a larger image is not kept.

    Attributes:
        size_bytes: the memory of all entries.
    """

    def __init__(self, seconds: float, limit_bytes: int) -> None:
        self._seconds = seconds
        self._limit_bytes = limit_bytes
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self.size_bytes = 0

    def find(self, key: Key, now: float) -> str | None:
        """Return the image of a key; None if there is none or it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= now:
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry.data_url

    def put(self, key: Key, data_url: str, now: float) -> None:
        """Add an image in place of an earlier one, and remove what is too old or too much."""
        self._remove(key)
        self.expire(now)
        self._entries[key] = _Entry(data_url, now + self._seconds)
        self.size_bytes += _size(key, data_url)
        while self.size_bytes > self._limit_bytes:
            self._remove(next(iter(self._entries)))

    def expire(self, now: float) -> None:
        """Remove the images that are too old."""
        for key in [key for key, entry in self._entries.items() if entry.expires <= now]:
            self._remove(key)

    def _remove(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size_bytes -= _size(key, entry.data_url)


def _size(key: Key, data_url: str) -> int:
    return ENTRY_BYTES + sum(map(len, key)) + len(data_url)
