"""A turn that may have no output (`max_tokens: 0`): it ends without asking a model."""

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral.event import Began, Ended, Event, UsageReported
from codexd.neutral.turn import Turn
from codexd.policy import estimate


@implementer(ITurnHandle)
class EmptyTurn:
    """Ends in the next reactor turn, as a model does that reaches its limit at once, with an estimated usage.

    Only legacy Completions accepts such a limit, to return or to count a prompt (`echo`).

    Args:
        turn: the turn.
        sink: receives the events.
        clock: for the next reactor turn.

    Attributes:
        ignored: the request's fields without effect.
    """

    def __init__(self, turn: Turn, sink: IEventSink, clock: IReactorTime) -> None:
        self.ignored = turn.ignored
        self._turn = turn
        self._sink = sink
        self._timer: IDelayedCall | None = clock.callLater(0, self._end)

    @staticmethod
    def is_needed(turn: Turn) -> bool:
        """Return whether the limit of output tokens is zero."""
        return turn.sampling.max_tokens == 0

    def _end(self) -> None:
        self._timer = None
        events: tuple[Event, ...] = (Began(), UsageReported(estimate.usage(self._turn, 0)), Ended("length"))
        for event in events:
            self._sink.receive(event)
        self._sink.settle()

    def cancel(self) -> None:
        """Send no events (ITurnHandle)."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def pause(self) -> None:
        """Do nothing: there is no model to pause (ITurnHandle)."""

    def resume(self) -> None:
        """Do nothing (ITurnHandle)."""
