"""Gates: how many calls an answer may make, and what may still be said after them. Neutral events to events.

It does not matter how a call was made: these are decisions on the answer as the client is to see it.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from attrs import evolve, frozen

from codexd.neutral import event as e
from codexd.tools.numbering import Numbering

StopAfter = Literal["never", "burst", "first"]

_Said = e.MessageOpened | e.TextDelta | e.RefusalDelta | e.Annotated | e.MessageClosed


@frozen
class Gates:
    """What an answer with tool calls is held to.

    Attributes:
        block_max: how many calls it may make, 0 for any number; the next one ends it.
        stop_after: `first` ends it with its first call, `burst` with the first word after a call.
        suppress_tail: what is said after the last call is left out; what is said between calls is not.
        tail_characters: so much may be said between two calls and be shown when the second comes; more is
            left out. For `suppress_tail` only, as nothing else has to wait.
    """

    block_max: int = 0
    stop_after: StopAfter = "never"
    suppress_tail: bool = False
    tail_characters: int = 2**20


UNGATED: Final = Gates()
"""What it is held to when nobody says otherwise: nothing."""


class Gate:
    """Follows one answer.

    Attributes:
        calls: how many calls were let through.
        shut: nothing new is let through: the answer was ended. What was begun is still finished.
    """

    def __init__(self, gates: Gates = UNGATED) -> None:
        self.calls = 0
        self.shut = False
        self._gates = gates
        self._numbering = Numbering()
        self._waiting: list[_Said] = []
        self._size = 0
        self._whole = True

    @property
    def satisfied(self) -> bool:
        """Whether nothing that the model may still say will be shown: it may be interrupted."""
        return self.shut and self._whole and not self._numbering.has(e.CallOpened)

    def feed(self, event: e.Event) -> list[e.Event]:
        """Take the next event of a sentence; give those of the new sentence that are certain."""
        return _TAKES.get(type(event), Gate._move)(self, event)

    def end(self) -> list[e.Event]:
        """End the answer as it stands; for a model that was interrupted when the gate was satisfied."""
        return [*self._leave_out(), *self._numbering.cut(), e.Ended("tool_calls")]

    def _pass(self, event: e.Event) -> list[e.Event]:
        return [event]

    def _move(self, event: e.Event) -> list[e.Event]:
        return self._numbering.move(event)

    def _open(self, event: e.Opened) -> list[e.Event]:
        return [] if self.shut else [self._numbering.open(event)]

    def _call(self, event: e.CallOpened) -> list[e.Event]:
        if self.shut or 0 < self._gates.block_max <= self.calls:
            return self._end()
        said = self._release()
        self.calls += 1
        said.append(self._numbering.open(event))
        return said + self._end() if self._gates.stop_after == "first" else said

    def _close_call(self, event: e.CallClosed) -> list[e.Event]:
        closed = self._numbering.move(event)
        self._whole = self._whole and (event.complete or not closed)
        return closed

    def _message(self, event: _Said) -> list[e.Event]:
        """Let a message through, or have it wait for another call."""
        gates = self._gates
        if self.shut:
            return self._finish(event)
        if not self.calls or not (gates.suppress_tail or gates.stop_after == "burst"):
            return self._show(event)
        if gates.stop_after == "burst" and _is_word(event):
            return self._end() + self._finish(event)
        self._wait(event)
        return []

    def _show(self, event: _Said) -> list[e.Event]:
        if isinstance(event, e.MessageOpened):
            return [self._numbering.open(event)]
        return self._numbering.move(event)

    def _finish(self, event: _Said) -> list[e.Event]:
        return self._numbering.move(event) if isinstance(event, e.MessageClosed) else []

    def _wait(self, event: _Said) -> None:
        words = e.TextDelta | e.RefusalDelta
        if isinstance(event, words):
            self._size += len(event.text)
            if not event.text or self._size > self._gates.tail_characters:
                self._waiting = [one for one in self._waiting if not (event.text and isinstance(one, words))]
                return
        self._waiting.append(event)

    def _release(self) -> list[e.Event]:
        """Show what has waited, as another call came."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        return [shown for event in waiting for shown in self._show(event)]

    def _leave_out(self) -> list[e.Event]:
        """Leave out what has waited; messages of before are closed all the same."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        return [closed for event in waiting for closed in self._finish(event)]

    def _end(self) -> list[e.Event]:
        self.shut = True
        return self._leave_out()

    def _count(self, event: e.UsageReported) -> list[e.Event]:
        return [*self._leave_out(), event]

    def _over(self, event: e.Ended) -> list[e.Event]:
        return [*self._leave_out(), evolve(event, finish="tool_calls") if self.satisfied else event]

    def _fail(self, event: e.Failed) -> list[e.Event]:
        """Pass a failure on, unless all that was to be shown is there."""
        return self.end() if self.satisfied else [event]


def _is_word(event: _Said) -> bool:
    return isinstance(event, e.TextDelta | e.RefusalDelta) and bool(event.text.strip())


_TAKES: Final[dict[type, Callable[[Gate, Any], list[e.Event]]]] = {
    e.Began: Gate._pass,
    e.ReasoningOpened: Gate._open,
    e.SearchOpened: Gate._open,
    e.CallOpened: Gate._call,
    e.CallClosed: Gate._close_call,
    e.MessageOpened: Gate._message,
    e.TextDelta: Gate._message,
    e.RefusalDelta: Gate._message,
    e.Annotated: Gate._message,
    e.MessageClosed: Gate._message,
    e.UsageReported: Gate._count,
    e.Ended: Gate._over,
    e.Failed: Gate._fail,
}
