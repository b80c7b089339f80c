"""The order of events, as one table. The events of every turn follow this grammar.

A turn is `Began`, items that open, grow and close (several may be open at once), an optional
`UsageReported`, then `Ended`. At any point `Failed` may take the place of the rest; a `UsageReported` may precede it,
also while items are open. Nothing follows `Ended` or `Failed`.
"""

from typing import Final, Literal

from codexd.neutral import event as e

State = Literal["initial", "active", "usage_reported", "over"]

_TRANSITIONS: Final[dict[tuple[State, type], State]] = {
    ("initial", e.Began): "active",
    ("initial", e.Failed): "over",
    ("active", e.UsageReported): "usage_reported",
    ("active", e.Ended): "over",
    ("active", e.Failed): "over",
    ("usage_reported", e.Ended): "over",
    ("usage_reported", e.Failed): "over",
}

_OPENING_EVENTS: Final[dict[type, str]] = {
    e.MessageOpened: "message",
    e.ReasoningOpened: "reasoning",
    e.CallOpened: "call",
    e.SearchOpened: "search",
    e.CompactionOpened: "compaction",
}

# (state of an open item, event) -> its next state; None closes the item.
_ITEM_TRANSITIONS: Final[dict[tuple[str, type], str | None]] = {
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
    ("compaction", e.CompactionClosed): None,
}


class GrammarError(ValueError):
    """The event is not allowed at this point."""


class GrammarChecker:
    """Checks the events of one turn and rejects the first one that is out of order."""

    def __init__(self) -> None:
        self.state: State = "initial"
        self._opened = 0
        self._open: dict[int, str] = {}
        self._parts: dict[tuple[int, type], int] = {}

    def feed(self, event: e.Event) -> None:
        """Check the next event.

        Raises:
            GrammarError: if it must not follow the previous events.
        """
        following = _TRANSITIONS.get((self.state, type(event)))
        if following is not None:
            self._step(event, following)
        elif self.state != "active":
            raise GrammarError(f"{type(event).__name__} in state {self.state}")
        else:
            self._item(event)

    def _step(self, event: e.Event, following: State) -> None:
        if self._open and not isinstance(event, e.Failed | e.UsageReported):
            raise GrammarError(f"{type(event).__name__} with open items")
        self.state = following

    def _item(self, event: e.Event) -> None:
        opens = _OPENING_EVENTS.get(type(event))
        index: int = getattr(event, "index", -1)
        if opens is not None:
            if index != self._opened:
                raise GrammarError(f"item {index} opened, {self._opened} expected")
            self._opened += 1
            self._open[index] = opens
            return
        key = (self._open.get(index, "unopened item"), type(event))
        if key not in _ITEM_TRANSITIONS:
            raise GrammarError(f"{key[1].__name__} on {key[0]} {index}")
        self._check_part(event)
        following = _ITEM_TRANSITIONS[key]
        if following is None:
            del self._open[index]
        else:
            self._open[index] = following

    def _check_part(self, event: e.Event) -> None:
        if not isinstance(event, e.SummaryDelta | e.ThoughtDelta):
            return
        key = (event.index, type(event))
        last = self._parts.get(key, -1)
        if event.part not in (last, last + 1) or event.part < 0:
            raise GrammarError(f"part {event.part} after {last}")
        self._parts[key] = event.part
