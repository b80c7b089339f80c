"""A cache limited by size and age whose values are removed when they are used, shared fairly by owners."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from codexd.neutral.records import frozen
from codexd.policy.shares import choose_owner_to_displace

T = TypeVar("T")


@frozen
class _Entry(Generic[T]):
    value: T
    until: float
    owner: str
    number: int


class ExpiringCache(Generic[T]):
    """Holds at most `limit` values, each for `seconds`. Evicted values are returned, oldest first.

    Each owner has a share: the limit divided by the number of owners that have values. When the cache is full, the
    owner that exceeds his share most loses his oldest value.

    Attributes:
        limit: may be changed; applies to the next value.
        seconds: may be changed; applies to the next value.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._by_owner: dict[str, OrderedDict[Hashable, int]] = {}
        self._numbered = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def put(self, key: Hashable, value: T, now: float, owner: str = "") -> list[T]:
        """Add a value and return the evicted ones, including a previous value of the same key."""
        evicted = self._pop(key)
        self._numbered += 1
        self._entries[key] = _Entry(value, now + self.seconds, owner, self._numbered)
        self._by_owner.setdefault(owner, OrderedDict())[key] = self._numbered
        while len(self._entries) > self.limit:
            evicted += self._pop(self._choose_evicted())
        return evicted

    def take(self, key: Hashable, now: float) -> T | None:
        """Remove and return the value of a key, or return None if there is none or it has expired."""
        entry = self._entries.get(key)
        if entry is None or entry.until <= now:
            return None
        self._pop(key)
        return entry.value

    def expire(self, now: float) -> list[T]:
        """Remove and return the expired values."""
        expired = [key for key, entry in self._entries.items() if entry.until <= now]
        return [value for key in expired for value in self._pop(key)]

    def discard(self, matches: Callable[[T], bool]) -> list[T]:
        """Remove and return the values for which the predicate is true."""
        found = [key for key, entry in self._entries.items() if matches(entry.value)]
        return [value for key in found for value in self._pop(key)]

    def _choose_evicted(self) -> Hashable:
        """Choose the oldest value of the owner that has most; of several such owners, the oldest of all."""
        counts = {owner: len(keys) for owner, keys in self._by_owner.items()}
        oldest = {owner: next(iter(keys.values())) for owner, keys in self._by_owner.items()}
        return next(iter(self._by_owner[choose_owner_to_displace(counts, oldest)]))

    def _pop(self, key: Hashable) -> list[T]:
        entry = self._entries.pop(key, None)
        if entry is None:
            return []
        keys = self._by_owner[entry.owner]
        del keys[key]
        if not keys:
            del self._by_owner[entry.owner]
        return [entry.value]
