"""Records the events of an answer in its request's timeline: runs of events of one kind, not single deltas."""

from typing import Final

from codexd.neutral import event as e
from codexd.timeline import Step, Timeline

_LABELS: Final[dict[type, str]] = {
    e.Began: "began",
    e.MessageOpened: "message_opened",
    e.TextDelta: "text",
    e.Annotated: "annotation",
    e.RefusalDelta: "refusal",
    e.MessageClosed: "message_closed",
    e.ReasoningOpened: "reasoning_opened",
    e.SummaryDelta: "summary",
    e.ThoughtDelta: "thought",
    e.ReasoningClosed: "reasoning_closed",
    e.CallOpened: "call_opened",
    e.CallDelta: "call",
    e.CallClosed: "call_closed",
    e.SearchOpened: "search_opened",
    e.SearchClosed: "search_closed",
    e.CompactionOpened: "compaction_opened",
    e.CompactionClosed: "compaction_closed",
    e.UsageReported: "usage",
    e.Ended: "ended",
    e.Failed: "failed",
}
_DELTAS: Final = frozenset((e.TextDelta, e.RefusalDelta, e.SummaryDelta, e.ThoughtDelta, e.CallDelta))
_FAILED: Final = _LABELS[e.Failed]


class EventRuns:
    """The events of all choices of one answer.

    Args:
        timeline: of the request.
    """

    __slots__ = ("_is_delta", "_kind", "_run", "_timeline")

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._kind: type | None = None
        self._is_delta = False
        self._run = Step(kind="event", label="", began=0.0)  # no event is of the kind None, so nothing is added to it

    def add(self, event: e.Event) -> None:
        """Count an event. This is the hot path: the clock is read only for a new run, and by `touch`."""
        if type(event) is self._kind:
            self._run.count += 1
        elif type(event) is e.Failed:
            return  # `add_failure` follows
        else:
            self._begin(type(event), event)
        if self._is_delta:
            self._run.size += len(event.text)  # type: ignore[union-attr]

    def touch(self) -> None:
        """Set the time of the last event, at the end of a reactor iteration."""
        self._run.ended = self._timeline.seconds()

    def add_failure(self, kind: str) -> None:
        """Record the failure that ends the answer."""
        self._timeline.add("event", _FAILED, status=kind)

    def _begin(self, kind: type, event: e.Event) -> None:
        self.touch()
        self._kind, self._is_delta = kind, kind in _DELTAS
        self._run = self._timeline.begin("event", _LABELS[kind])
        if type(event) is e.Ended:
            self._run.status = event.finish
