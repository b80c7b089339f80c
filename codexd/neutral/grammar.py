"""Which event may follow which: one table. Every back end's answer is a sentence of this grammar.

A sentence is `Began`, items that open, grow and close (several may be open at once), perhaps one
`UsageReported`, then `Ended`; or at any point one `Failed`. Nothing follows the end.
"""

from typing import Final, Literal

from codexd.neutral import event as e

State = Literal["silent", "speaking", "counted", "over"]

_NEXT: Final[dict[tuple[State, type], State]] = {
    ("silent", e.Began): "speaking",
    ("silent", e.Failed): "over",
    ("speaking", e.UsageReported): "counted",
    ("speaking", e.Ended): "over",
    ("speaking", e.Failed): "over",
    ("counted", e.Ended): "over",
    ("counted", e.Failed): "over",
}

_OPENS: Final[dict[type, str]] = {
    e.MessageOpened: "message",
    e.ReasoningOpened: "reasoning",
    e.CallOpened: "call",
    e.SearchOpened: "search",
}

# What an open item may do, and what it is afterwards; None closes it.
_GROWS: Final[dict[tuple[str, type], str | None]] = {
    ("message", e.TextDelta): "message",
    ("message", e.Annotated): "message",
    ("message", e.RefusalDelta): "refusal",
    ("message", e.MessageClosed): None,
    ("refusal", e.RefusalDelta): "refusal",
    ("refusal", e.MessageClosed): None,
    ("reasoning", e.SummaryDelta): "reasoning",
    ("reasoning", e.ThoughtDelta): "reasoning",
    ("reasoning", e.ReasoningClosed): None,
    ("call", e.CallDelta): "call",
    ("call", e.CallClosed): None,
    ("search", e.SearchClosed): None,
}


class Ungrammatical(ValueError):
    """The event may not stand here."""


class Sentence:
    """Follows one answer and objects to the first event out of place."""

    def __init__(self) -> None:
        self.state: State = "silent"
        self._opened = 0
        self._open: dict[int, str] = {}
        self._parts: dict[tuple[int, type], int] = {}

    def feed(self, event: e.Event) -> None:
        """Take the next event.

        Raises:
            Ungrammatical: when it may not follow what came before.
        """
        following = _NEXT.get((self.state, type(event)))
        if following is not None:
            self._step(event, following)
        elif self.state != "speaking":
            raise Ungrammatical(f"{type(event).__name__} while {self.state}")
        else:
            self._item(event)

    def _step(self, event: e.Event, following: State) -> None:
        if self._open and not isinstance(event, e.Failed):
            raise Ungrammatical(f"{type(event).__name__} with items left open")
        self.state = following

    def _item(self, event: e.Event) -> None:
        opens = _OPENS.get(type(event))
        index: int = getattr(event, "index", -1)
        if opens is not None:
            if index != self._opened:
                raise Ungrammatical(f"item {index} opened, {self._opened} expected")
            self._opened += 1
            self._open[index] = opens
            return
        key = (self._open.get(index, "nothing"), type(event))
        if key not in _GROWS:
            raise Ungrammatical(f"{key[1].__name__} on {key[0]} {index}")
        self._count_part(event)
        grown = _GROWS[key]
        if grown is None:
            del self._open[index]
        else:
            self._open[index] = grown

    def _count_part(self, event: e.Event) -> None:
        if not isinstance(event, e.SummaryDelta | e.ThoughtDelta):
            return
        key = (event.index, type(event))
        last = self._parts.get(key, -1)
        if event.part not in (last, last + 1) or event.part < 0:
            raise Ungrammatical(f"part {event.part} after {last}")
        self._parts[key] = event.part
