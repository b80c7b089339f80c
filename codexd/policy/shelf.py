"""Things kept for a while in case they are wanted: bounded by count and age, found by key, taken once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """Keeps at most `limit` things, each for `seconds`; what must go is handed back, oldest first."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._kept: OrderedDict[Hashable, tuple[T, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def put(self, key: Hashable, thing: T, now: float) -> list[T]:
        """Keep a thing; give back what had to make room, a former thing of the same key included."""
        gone = self._pop(key)
        self._kept[key] = (thing, now + self._seconds)
        while len(self._kept) > self._limit:
            gone.append(self._kept.popitem(last=False)[1][0])
        return gone

    def take(self, key: Hashable, now: float) -> T | None:
        """Give the thing of this key away, if it is there and not too old."""
        kept = self._kept.get(key)
        if kept is None or kept[1] <= now:
            return None
        del self._kept[key]
        return kept[0]

    def expire(self, now: float) -> list[T]:
        """Give back what has been kept too long."""
        old = [key for key, (_, until) in self._kept.items() if until <= now]
        return [thing for key in old for thing in self._pop(key)]

    def discard(self, wanted: Callable[[T], bool]) -> list[T]:
        """Give back everything that answers to a description."""
        found = [key for key, (thing, _) in self._kept.items() if wanted(thing)]
        return [thing for key in found for thing in self._pop(key)]

    def _pop(self, key: Hashable) -> list[T]:
        kept = self._kept.pop(key, None)
        return [] if kept is None else [kept[0]]
