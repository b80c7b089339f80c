"""A cache limited by size and age whose values are removed when they are used."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class ExpiringCache(Generic[T]):
    """Holds at most `limit` values, each for `seconds`. Evicted values are returned, oldest first.

    Attributes:
        limit: may be changed; applies to the next value.
        seconds: may be changed; applies to the next value.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._entries: OrderedDict[Hashable, tuple[T, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def put(self, key: Hashable, value: T, now: float) -> list[T]:
        """Add a value and return the evicted ones, including a previous value of the same key."""
        evicted = self._pop(key)
        self._entries[key] = (value, now + self.seconds)
        while len(self._entries) > self.limit:
            evicted.append(self._entries.popitem(last=False)[1][0])
        return evicted

    def take(self, key: Hashable, now: float) -> T | None:
        """Remove and return the value of a key, or return None if there is none or it has expired."""
        entry = self._entries.get(key)
        if entry is None or entry[1] <= now:
            return None
        del self._entries[key]
        return entry[0]

    def expire(self, now: float) -> list[T]:
        """Remove and return the expired values."""
        expired = [key for key, (_, until) in self._entries.items() if until <= now]
        return [value for key in expired for value in self._pop(key)]

    def discard(self, matches: Callable[[T], bool]) -> list[T]:
        """Remove and return the values for which the predicate is true."""
        found = [key for key, (value, _) in self._entries.items() if matches(value)]
        return [value for key in found for value in self._pop(key)]

    def _pop(self, key: Hashable) -> list[T]:
        entry = self._entries.pop(key, None)
        return [] if entry is None else [entry[0]]
