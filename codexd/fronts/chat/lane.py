"""One text for many speakers: Chat's `content` holds the messages of an answer one after the other.

Items may grow side by side. A stream that told their pieces as they come would mix their texts and differ
from the folded answer; so who began first finishes first.
"""

from typing import Generic, TypeVar

from codexd.neutral.event import Annotated, RefusalDelta, SummaryDelta, TextDelta, ThoughtDelta

Spoken = TextDelta | Annotated | RefusalDelta | SummaryDelta | ThoughtDelta
K = TypeVar("K")


class Lane(Generic[K]):
    """Lets the first speaker speak and keeps what the others say until their turn comes."""

    def __init__(self) -> None:
        self.current: K | None = None
        self._waiting: dict[K, list[Spoken]] = {}
        self._gone: set[K] = set()

    def enter(self, key: K) -> None:
        """A speaker begins; it has the lane if nobody else has."""
        if self.current is None:
            self.current = key
        else:
            self._waiting[key] = []

    def wait(self, key: K, event: Spoken) -> None:
        """Keep what a speaker other than the current one says."""
        self._waiting[key].append(event)

    def leave(self, key: K) -> list[Spoken]:
        """A speaker has finished; give what was kept and may now be told."""
        if key != self.current:
            self._gone.add(key)
            return []
        self.current = None
        due: list[Spoken] = []
        while self._waiting and self.current is None:
            following = next(iter(self._waiting))
            due += self._waiting.pop(following)
            if following not in self._gone:
                self.current = following
        return due
