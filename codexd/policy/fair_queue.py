"""A bounded queue that serves principals in turn: who sends many requests delays mostly his own.

Of one principal, entries leave in the order in which they came. When the queue is full, an arriving entry may take the
place of the newest one of the principal that has most, so that nobody can lock others out.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, Generic, TypeVar

from codexd.neutral.records import frozen

T = TypeVar("T", bound=Hashable)

_SPARE_DEADLINES: Final = 64
"""How many deadlines of entries that have left may remain beyond those of the entries."""


@frozen(kw_only=True)
class QueueLimits:
    """The limits of a queue.

    Attributes:
        entries: the maximum number of entries.
        entries_per_principal: the maximum number of entries of one principal.
        size_bytes: the maximum size of all entries.
    """

    entries: int
    entries_per_principal: int
    size_bytes: int


@frozen(kw_only=True)
class _Place:
    principal: str
    size_bytes: int
    expires: float
    number: int


class _Backlog(Generic[T]):
    """The entries of one principal, oldest first, and their size."""

    def __init__(self) -> None:
        self.entries: OrderedDict[T, _Place] = OrderedDict()
        self.size_bytes = 0


class FairQueue(Generic[T]):
    """Entries that wait, by principal. Each one leaves exactly once: taken, expired, removed or displaced.

    Args:
        limits: the limits.

    Attributes:
        limits: may be changed; they apply to the next entry.
        size_bytes: the size of all entries.
    """

    def __init__(self, limits: QueueLimits) -> None:
        self.limits = limits
        self._backlogs: OrderedDict[str, _Backlog[T]] = OrderedDict()  # the next principal in turn is the first
        self._places: dict[T, _Place] = {}
        self._deadlines: list[tuple[float, int]] = []  # a heap; those of entries that have left are skipped
        self._by_number: dict[int, T] = {}
        self._numbers = count()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._places)

    def accepts(self, principal: str, size_bytes: int) -> bool:
        """Return whether `add` would accept an entry."""
        return self._choose_displaced(principal, size_bytes) is not None

    def add(self, entry: T, principal: str, size_bytes: int, expires: float) -> tuple[T, ...] | None:
        """Add an entry at the end of its principal's; return the entries that it displaces, or None if it is refused.

        Args:
            entry: the entry, which is not in the queue.
            principal: whose it is.
            size_bytes: its size.
            expires: when `expire` removes it.
        """
        displaced = self._choose_displaced(principal, size_bytes)
        if displaced is None:
            return None
        for victim in displaced:
            self.remove(victim)
        place = _Place(principal=principal, size_bytes=size_bytes, expires=expires, number=next(self._numbers))
        backlog = self._backlogs.setdefault(principal, _Backlog())
        backlog.entries[entry] = self._places[entry] = place
        backlog.size_bytes += size_bytes
        self.size_bytes += size_bytes
        self._by_number[place.number] = entry
        heappush(self._deadlines, (expires, place.number))
        return displaced

    def take(self, may_leave: Callable[[str], bool]) -> T | None:
        """Remove and return the oldest entry of the next principal in turn; None if there is none.

        Args:
            may_leave: returns whether a principal's entries may leave now; those of others keep their turn.
        """
        for principal, backlog in self._backlogs.items():
            if may_leave(principal):
                entry = next(iter(backlog.entries))
                self._backlogs.move_to_end(principal)
                self.remove(entry)
                return entry
        return None

    def remove(self, entry: T) -> bool:
        """Remove an entry; return whether it was in the queue."""
        place = self._places.pop(entry, None)
        if place is None:
            return False
        backlog = self._backlogs[place.principal]
        del backlog.entries[entry], self._by_number[place.number]
        backlog.size_bytes -= place.size_bytes
        self.size_bytes -= place.size_bytes
        if not backlog.entries:
            del self._backlogs[place.principal]
        if len(self._deadlines) > 2 * len(self._places) + _SPARE_DEADLINES:
            self._deadlines = [(one.expires, one.number) for one in self._places.values()]
            heapify(self._deadlines)
        return True

    def expire(self, now: float) -> list[T]:
        """Remove and return the entries whose time is over, the earliest deadline first."""
        expired = []
        while (due := self.next_deadline()) is not None and due <= now:
            entry = self._by_number[self._deadlines[0][1]]
            self.remove(entry)
            expired.append(entry)
        return expired

    def next_deadline(self) -> float | None:
        """Return when the next entry expires; None if the queue is empty."""
        while self._deadlines and self._deadlines[0][1] not in self._by_number:
            heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def clear(self) -> list[T]:
        """Remove and return all entries, in the order in which they came."""
        entries = list(self._places)
        for entry in entries:
            self.remove(entry)
        return entries

    def position(self, principal: str) -> int:
        """Return how many entries leave up to and including one that the principal would add now, at least 1."""
        own = self._count(principal) + 1
        others = (len(backlog.entries) for name, backlog in self._backlogs.items() if name != principal)
        return own + sum(min(own, length) for length in others)

    def _count(self, principal: str) -> int:
        backlog = self._backlogs.get(principal)
        return 0 if backlog is None else len(backlog.entries)

    def _choose_displaced(self, principal: str, size_bytes: int) -> tuple[T, ...] | None:
        """Choose the entries that make room for an arriving one; None if it must be refused.

        Each is the newest of the principal that has most, who still has as much as the arriving one's afterwards.
        """
        limits, own = self.limits, self._backlogs.get(principal)
        own_count, own_bytes = (1, size_bytes) if own is None else (len(own.entries) + 1, own.size_bytes + size_bytes)
        if own_count > limits.entries_per_principal or size_bytes > limits.size_bytes:
            return None
        excess_count = len(self._places) + 1 - limits.entries
        excess_bytes = self.size_bytes + size_bytes - limits.size_bytes
        if excess_count <= 0 and excess_bytes <= 0:
            return ()
        rivals = [_Rival(backlog) for name, backlog in self._backlogs.items() if name != principal]
        chosen: list[T] = []
        while excess_count > 0 or excess_bytes > 0:
            if excess_count > 0:
                rival = max(rivals, key=_rival_count, default=None)
                fair = rival is not None and rival.count > own_count
            else:
                rival = max(rivals, key=_rival_bytes, default=None)
                fair = rival is not None and rival.size_bytes - rival.newest_bytes >= own_bytes
            if rival is None or not fair:
                return None
            entry, size = rival.give_up()
            chosen.append(entry)
            excess_count, excess_bytes = excess_count - 1, excess_bytes - size
        return tuple(chosen)


class _Rival(Generic[T]):
    """What a principal would have left if its newest entries were displaced."""

    def __init__(self, backlog: _Backlog[T]) -> None:
        self.count, self.size_bytes = len(backlog.entries), backlog.size_bytes
        self._newest_first: Iterator[tuple[T, _Place]] = iter(reversed(backlog.entries.items()))
        self._next = next(self._newest_first, None)

    @property
    def newest_bytes(self) -> int:
        """The size of the entry that `give_up` would return; 0 if none is left."""
        return 0 if self._next is None else self._next[1].size_bytes

    def give_up(self) -> tuple[T, int]:
        """Return the newest entry that is left, and its size."""
        assert self._next is not None
        entry, place = self._next
        self._next = next(self._newest_first, None)
        self.count, self.size_bytes = self.count - 1, self.size_bytes - place.size_bytes
        return entry, place.size_bytes


def _rival_count(rival: _Rival[T]) -> int:
    return rival.count


def _rival_bytes(rival: _Rival[T]) -> int:
    return rival.size_bytes
