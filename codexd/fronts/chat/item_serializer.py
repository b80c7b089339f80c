"""Orders interleaved items for a single text: Chat's `content` holds the messages of a response in sequence.

Items may grow concurrently. A stream that wrote their deltas in order of arrival would mix their texts and
differ from the folded response, so the item that opened first is written first, to its end.
"""

from typing import Generic, TypeVar

from codexd.neutral.event import Annotated, RefusalDelta, SummaryDelta, TextDelta, ThoughtDelta

ItemDelta = TextDelta | Annotated | RefusalDelta | SummaryDelta | ThoughtDelta
K = TypeVar("K")


class ItemSerializer(Generic[K]):
    """Passes the deltas of one item and queues those of the others until it closes."""

    def __init__(self) -> None:
        self.current: K | None = None
        self._queued: dict[K, list[ItemDelta]] = {}
        self._closed: set[K] = set()

    def open(self, key: K) -> None:
        """Open an item; it becomes the current one if there is none."""
        if self.current is None:
            self.current = key
        else:
            self._queued[key] = []

    def queue(self, key: K, event: ItemDelta) -> None:
        """Queue a delta of an item that is not the current one."""
        self._queued[key].append(event)

    def close(self, key: K) -> list[ItemDelta]:
        """Close an item; return the queued deltas that can be written now."""
        if key != self.current:
            self._closed.add(key)
            return []
        self.current = None
        due: list[ItemDelta] = []
        while self._queued and self.current is None:
            following = next(iter(self._queued))
            due += self._queued.pop(following)
            if following not in self._closed:
                self.current = following
        return due
