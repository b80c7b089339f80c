"""The event log of one answer: the live client and every replay read the same events."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from codexd.fronts.dialect import StreamEvent

RecordingOutcome = Literal["complete", "failed", "broken"]
"""How a recording ended: with the model's end, with a failure event, or in the middle (a defect)."""


class Recording:
    """The stream events of one answer, in order, numbered from 0.

    Args:
        events: recorded already.
        outcome: of a recording that is over already.
        retain: keep the events for replays; otherwise `take` drops them.

    Attributes:
        length: how many events were recorded, dropped ones included.
        outcome: how it ended; None while more may come.
        retained: its events are kept for replays.
    """

    def __init__(
        self, events: Iterable[StreamEvent] = (), outcome: RecordingOutcome | None = None, retain: bool = True
    ) -> None:
        self._events = list(events)
        self._dropped = 0
        self.retained = retain
        self._readers: list[Callable[[], None]] = []
        self.length = len(self._events)
        self.outcome = outcome

    def append(self, events: Sequence[StreamEvent]) -> None:
        """Record events without notifying the readers."""
        self._events += events
        self.length += len(events)

    def finish(self, events: Sequence[StreamEvent], outcome: RecordingOutcome) -> None:
        """Record the last events and notify the readers. Later calls change nothing."""
        if self.outcome is None:
            self.append(events)
            self.outcome = outcome
            self.notify()

    def notify(self) -> None:
        """Call every reader: there may be more to read."""
        readers = self._readers
        if len(readers) == 1:
            readers[0]()
            return
        for reader in tuple(readers):
            reader()

    def read(self, start: int, count: int | None = None) -> list[StreamEvent]:
        """Return at most `count` events (None: all) from number `start` on, which must not be dropped yet."""
        first = start - self._dropped
        return self._events[first : None if count is None else first + count]

    def take(self, start: int, count: int | None = None) -> list[StreamEvent]:
        """Read events, and drop them and those before them unless they are retained for replays."""
        if self.retained:
            return self.read(start, count)
        if count is None and start == self._dropped:  # the hot path: nothing is copied
            events, self._events = self._events, []
        else:
            events = self.read(start, count)
            del self._events[: start + len(events) - self._dropped]
        self._dropped = start + len(events)
        return events

    def subscribe(self, reader: Callable[[], None]) -> None:
        """Notify this reader from now on."""
        self._readers.append(reader)

    def unsubscribe(self, reader: Callable[[], None]) -> None:
        """Stop notifying this reader. Idempotent."""
        if reader in self._readers:
            self._readers.remove(reader)
