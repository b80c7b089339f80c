"""One answer on its way through a joint (`codexd.tools.joint`)."""

from collections.abc import Callable
from typing import Final, Literal

from zope.interface import implementer

from codexd.backs import estimate
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.turn import Turn
from codexd.routing import defect
from codexd.tools.joint import Inward, Outward

_WORDS: Final = (e.TextDelta, e.RefusalDelta, e.SummaryDelta, e.ThoughtDelta, e.CallDelta)
_State = Literal["speaking", "ended", "failed", "stopped"]


@implementer(IEventSink, ITurnHandle)
class Passage:
    """Brings a model's events to a sink as the joint makes them.

    When nothing that the model may still say would be shown, it is interrupted. Where the joint ends an
    answer in the model's place, what it cost is an estimate, unless it was told.

    Args:
        turn: what is asked.
        joint: of this one answer.
        sink: who hears it.
        count: counts something of `codexd.observe.metrics.COUNTERS`.

    Attributes:
        handle: of the answer, once it was begun.
    """

    def __init__(
        self, turn: Turn, joint: Inward | Outward, sink: IEventSink, count: Callable[[str], None]
    ) -> None:
        self.handle: ITurnHandle | None = None
        self._turn = turn
        self._joint = joint
        self._sink = sink
        self._count = count
        self._size_bytes = 0
        self._counted = self._over = False
        self._model: _State = "speaking"

    @property
    def ignored(self) -> tuple[str, ...]:
        """What the back end had no use for (ITurnHandle)."""
        return () if self.handle is None else tuple(self.handle.ignored)

    def receive(self, event: e.Event) -> None:
        """Take the next event (IEventSink)."""
        if self._over:
            return
        if isinstance(event, _WORDS):
            self._size_bytes += len(event.text.encode())
        elif isinstance(event, e.Ended | e.Failed):
            self._model = "ended" if isinstance(event, e.Ended) else "failed"
        self._counted = self._counted or isinstance(event, e.UsageReported)
        self._say(lambda: self._joint.feed(event))

    def flush(self) -> None:
        """Nothing more comes in this turn of the reactor (IEventSink)."""
        if self._joint.satisfied and not (self._counted or self._over):
            self._say(self._joint.end)
        if self._over:
            self._stop()
        self._sink.flush()

    def cancel(self) -> None:
        """Nobody wants the rest (ITurnHandle)."""
        self._over = True
        self._stop()

    def hold(self) -> None:
        """The reader is too slow (ITurnHandle)."""
        if self.handle is not None:
            self.handle.hold()

    def release(self) -> None:
        """The reader has caught up (ITurnHandle)."""
        if self.handle is not None:
            self.handle.release()

    def _stop(self) -> None:
        """Stop the model, unless it has stopped by itself."""
        if self.handle is not None and self._model == "speaking":
            self._model = "stopped"
            self.handle.cancel()

    def _say(self, made: Callable[[], list[e.Event]]) -> None:
        try:
            events = made()
        except Exception:
            events = [defect.failed(self._count)]
        for event in events:
            self._pass(event)

    def _pass(self, event: e.Event) -> None:
        self._over = isinstance(event, e.Ended | e.Failed)
        in_its_place = isinstance(event, e.Ended) and self._model != "ended"
        if in_its_place and not self._counted:
            self._sink.receive(e.UsageReported(estimate.usage(self._turn, self._size_bytes)))
        self._sink.receive(event)
