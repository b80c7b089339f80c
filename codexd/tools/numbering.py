"""Counts a sentence's items anew, where some are left out and others added."""

from typing import Final

from attrs import evolve

from codexd.neutral import event as e

_CUT: Final[dict[type, type[e.MessageClosed | e.ReasoningClosed | e.CallClosed | e.SearchClosed]]] = {
    e.MessageOpened: e.MessageClosed,
    e.ReasoningOpened: e.ReasoningClosed,
    e.CallOpened: e.CallClosed,
    e.SearchOpened: e.SearchClosed,
}


class Numbering:
    """Which items are open, by the index they had and the index they get."""

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[int, e.Opened] = {}

    def open(self, event: e.Opened) -> e.Opened:
        """Give an item the next index."""
        opened = evolve(event, index=self.next())
        self._open[event.index] = opened
        return opened

    def next(self) -> int:
        """Give the next index, to an item that had none."""
        index, self._count = self._count, self._count + 1
        return index

    def move(self, event: e.Event) -> list[e.Event]:
        """Give an item's event its new index; nothing, if the item was left out."""
        index: int = getattr(event, "index", -1)
        opened = self._open.get(index)
        if opened is None:
            return []
        if isinstance(event, e.Closed):
            del self._open[index]
        if opened.index == index:  # as mostly, and evolving is dear
            return [event]
        return [evolve(event, index=opened.index)]  # type: ignore[arg-type]

    def has(self, kind: type[e.Opened]) -> bool:
        """Tell whether an item of this kind is open."""
        return any(isinstance(opened, kind) for opened in self._open.values())

    def cut(self) -> list[e.Event]:
        """Close whatever is open, as cut."""
        closed = [_CUT[type(opened)](opened.index, complete=False) for opened in self._open.values()]
        self._open.clear()
        return [*closed]
