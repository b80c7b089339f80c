"""Calls that a model made become text of its message, for clients that only read text. Neutral to neutral.

A block comes in one piece, when its call is whole and no message is in the midst of its text: in the message
before it if nothing else came between, or in one of its own. A call that was cut is no call. Whatever else is
said stays as it is.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import define, evolve, field

from codexd.neutral import event as e
from codexd.tools.canon import lay_out, write
from codexd.tools.numbering import Numbering
from codexd.tools.offer import Offer, spelled
from codexd.tools.use import Use

DELIMITER: Final = "\n\n"
"""What sets a block off from what stands before and after it."""


@define
class _Call:
    """A call that the model makes; `whole` is None until that is known."""

    opened: e.CallOpened
    pieces: list[str] = field(factory=list)
    whole: bool | None = None


class Writer:
    """Follows one answer."""

    def __init__(self, offer: Offer, uses: dict[str, Use], delimiter: str = DELIMITER) -> None:
        """Make one for one answer.

        Args:
            offer: the tools, for the order of their parameters.
            uses: calls that were blocks, by the call's id; what stands in their tags is not written anew.
            delimiter: stands between a block and its surroundings, where no line break does.
        """
        self._offer = offer
        self._uses = uses
        self._delimiter = delimiter
        self._numbering = Numbering()
        self._calls: dict[int, _Call] = {}
        self._speaking: set[int] = set()
        self._refused: set[int] = set()
        self._lingering: e.MessageClosed | None = None  # the end of ours, while a block may come into it
        self._fresh = True  # nothing was said, or last a line break
        self._after_block = False

    def feed(self, event: e.Event) -> list[e.Event]:
        """Take the next event of a sentence; give those of the new sentence that are certain."""
        return _TAKES.get(type(event), Writer._move)(self, event)

    def _pass(self, event: e.Event) -> list[e.Event]:
        return [*self._close(), event]

    def _move(self, event: e.Event) -> list[e.Event]:
        return [*self._close(), *self._numbering.move(event)]

    def _open(self, event: e.Opened) -> list[e.Event]:
        if isinstance(event, e.MessageOpened):
            self._speaking.add(event.index)
        return [*self._close(), self._numbering.open(event)]

    def _text(self, event: e.TextDelta) -> list[e.Event]:
        text = event.text
        if self._after_block and text and not text.startswith("\n"):
            text = self._delimiter + text
        if text:
            self._after_block, self._fresh = False, text.endswith("\n")
        return self._move(evolve(event, text=text))

    def _refuse(self, event: e.RefusalDelta) -> list[e.Event]:
        self._refused.add(event.index)
        return self._move(event)

    def _close_message(self, event: e.MessageClosed) -> list[e.Event]:
        """Keep a message open for a block that may come, which cannot be after a refusal."""
        said = self._move(event)
        self._speaking.remove(event.index)
        if event.index not in self._refused:
            closed = said.pop()
            assert isinstance(closed, e.MessageClosed)
            self._lingering = closed
        return said + self._blocks()

    def _open_call(self, event: e.CallOpened) -> list[e.Event]:
        self._calls[event.index] = _Call(event)
        return []

    def _argue(self, event: e.CallDelta) -> list[e.Event]:
        self._calls[event.index].pieces.append(event.text)
        return []

    def _close_call(self, event: e.CallClosed) -> list[e.Event]:
        self._calls[event.index].whole = event.complete
        return self._blocks()

    def _fail(self, event: e.Failed) -> list[e.Event]:
        """Write first what calls are whole: they were made."""
        self._speaking.clear()
        return [*self._blocks(), *self._close(), event]

    def _blocks(self) -> list[e.Event]:
        """Write the calls that are whole, in their order, unless a message would be torn apart."""
        said: list[e.Event] = []
        while self._calls and not self._speaking:
            index, call = next(iter(self._calls.items()))
            if call.whole is None:
                break
            del self._calls[index]
            if call.whole:
                said += self._block(call)
        return said

    def _block(self, call: _Call) -> list[e.Event]:
        opened: list[e.Event] = []
        if self._lingering is None:
            index = self._numbering.next()
            opened.append(e.MessageOpened(index, f"msg_{call.opened.call_id}"))
            self._lingering = e.MessageClosed(index)
        text = self._written(call.opened, "".join(call.pieces))
        if not self._fresh:
            text = self._delimiter + text
        self._fresh, self._after_block = False, True
        return [*opened, e.TextDelta(self._lingering.index, text)]

    def _written(self, opened: e.CallOpened, arguments: str) -> str:
        name = spelled(opened.name, opened.namespace)
        use = self._uses.get(opened.call_id)
        if use is not None:
            return lay_out(use, self._offer.order(name))
        return write(name, arguments, opened.kind, self._offer.order(name))

    def _close(self) -> list[e.Event]:
        closed, self._lingering = self._lingering, None
        return [] if closed is None else [closed]


_TAKES: Final[dict[type, Callable[[Writer, Any], list[e.Event]]]] = {
    e.Began: Writer._pass,
    e.MessageOpened: Writer._open,
    e.ReasoningOpened: Writer._open,
    e.SearchOpened: Writer._open,
    e.CallOpened: Writer._open_call,
    e.TextDelta: Writer._text,
    e.RefusalDelta: Writer._refuse,
    e.CallDelta: Writer._argue,
    e.MessageClosed: Writer._close_message,
    e.CallClosed: Writer._close_call,
    e.UsageReported: Writer._pass,
    e.Ended: Writer._pass,
    e.Failed: Writer._fail,
}
