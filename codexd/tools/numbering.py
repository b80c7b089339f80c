"""Renumbers the items of an event stream from which items are removed and to which others are added."""

from typing import Final

from attrs import evolve

from codexd.neutral import event as e

_CLOSED: Final[dict[type, type[e.MessageClosed | e.ReasoningClosed | e.CallClosed | e.SearchClosed]]] = {
    e.MessageOpened: e.MessageClosed,
    e.ReasoningOpened: e.ReasoningClosed,
    e.CallOpened: e.CallClosed,
    e.SearchOpened: e.SearchClosed,
}


class ItemNumbering:
    """The open items, by their old index, with their new one."""

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[int, e.Opened] = {}

    def open(self, event: e.Opened) -> e.Opened:
        """Assign the next index to an item and return its event with that index."""
        opened = evolve(event, index=self.allocate())
        self._open[event.index] = opened
        return opened

    def allocate(self) -> int:
        """Return the next index, for an item that has no old one."""
        index, self._count = self._count, self._count + 1
        return index

    def renumber(self, event: e.Event) -> list[e.Event]:
        """Return the event of an item with its new index; nothing if the item was removed."""
        index: int = getattr(event, "index", -1)
        opened = self._open.get(index)
        if opened is None:
            return []
        if isinstance(event, e.Closed):
            del self._open[index]
        if opened.index == index:  # the usual case, without the cost of a copy
            return [event]
        return [evolve(event, index=opened.index)]  # type: ignore[arg-type]

    def has_open(self, kind: type[e.Opened]) -> bool:
        """Return whether an item of this kind is open."""
        return any(isinstance(opened, kind) for opened in self._open.values())

    def close_incomplete(self) -> list[e.Event]:
        """Close all open items as incomplete."""
        closed = [_CLOSED[type(opened)](opened.index, complete=False) for opened in self._open.values()]
        self._open.clear()
        return [*closed]
