"""Converts structured calls to text of a message, for clients that only read text: neutral to neutral events.

A block is written in one piece, once its call is complete and no message has unfinished text. It is added to
the message before it if no other item came between, else it gets a message of its own. An incomplete call is
dropped. All other events stay as they are.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import define, evolve, field

from codexd.neutral import event as e
from codexd.tools.block_format import format_block, format_call
from codexd.tools.block_parser import ParsedBlock
from codexd.tools.numbering import ItemNumbering
from codexd.tools.offered_tools import OfferedTools, qualified_name

DELIMITER: Final = "\n\n"
"""Separates a block from the text before and after it."""


@define
class _CollectedCall:
    """A call of the model; `complete` is None until the call is closed."""

    opened: e.CallOpened
    pieces: list[str] = field(factory=list)
    complete: bool | None = None


class BlockWriter:
    """Writes the calls of one response."""

    def __init__(self, offered: OfferedTools, blocks: dict[str, ParsedBlock], delimiter: str = DELIMITER) -> None:
        """Build the writer of one response.

        Args:
            offered: the tools, for the order of their parameters.
            blocks: the calls that were blocks, by call id; the content of their tags is not changed.
            delimiter: separates a block from its surroundings where no line break does.
        """
        self._offered = offered
        self._blocks = blocks
        self._delimiter = delimiter
        self._numbering = ItemNumbering()
        self._calls: dict[int, _CollectedCall] = {}
        self._open_messages: set[int] = set()
        self._refused_messages: set[int] = set()
        # The end of the last message, held back because a block may be added to the message.
        self._held_close: e.MessageClosed | None = None
        self._at_line_start = True
        self._after_block = False

    def feed(self, event: e.Event) -> list[e.Event]:
        """Convert the next event; return the converted events that are certain now."""
        return _HANDLERS.get(type(event), BlockWriter._renumber)(self, event)

    def _pass(self, event: e.Event) -> list[e.Event]:
        return [*self._close_held(), event]

    def _renumber(self, event: e.Event) -> list[e.Event]:
        return [*self._close_held(), *self._numbering.renumber(event)]

    def _open_item(self, event: e.Opened) -> list[e.Event]:
        if isinstance(event, e.MessageOpened):
            self._open_messages.add(event.index)
        return [*self._close_held(), self._numbering.open(event)]

    def _text(self, event: e.TextDelta) -> list[e.Event]:
        text = event.text
        if self._after_block and text and not text.startswith("\n"):
            text = self._delimiter + text
        if text:
            self._after_block, self._at_line_start = False, text.endswith("\n")
        return self._renumber(evolve(event, text=text))

    def _refusal(self, event: e.RefusalDelta) -> list[e.Event]:
        self._refused_messages.add(event.index)
        return self._renumber(event)

    def _close_message(self, event: e.MessageClosed) -> list[e.Event]:
        """Hold back the end of a message for a block that may follow; no block can follow a refusal."""
        events = self._renumber(event)
        self._open_messages.remove(event.index)
        if event.index not in self._refused_messages:
            closed = events.pop()
            assert isinstance(closed, e.MessageClosed)
            self._held_close = closed
        return events + self._write_blocks()

    def _open_call(self, event: e.CallOpened) -> list[e.Event]:
        self._calls[event.index] = _CollectedCall(event)
        return []

    def _call_delta(self, event: e.CallDelta) -> list[e.Event]:
        self._calls[event.index].pieces.append(event.text)
        return []

    def _close_call(self, event: e.CallClosed) -> list[e.Event]:
        self._calls[event.index].complete = event.complete
        return self._write_blocks()

    def _fail(self, event: e.Failed) -> list[e.Event]:
        """Write the complete calls before the failure: the model did make them."""
        self._open_messages.clear()
        return [*self._write_blocks(), *self._close_held(), event]

    def _write_blocks(self) -> list[e.Event]:
        """Write the complete calls in their order, unless a message has unfinished text."""
        events: list[e.Event] = []
        while self._calls and not self._open_messages:
            index, call = next(iter(self._calls.items()))
            if call.complete is None:
                break
            del self._calls[index]
            if call.complete:
                events += self._write_block(call)
        return events

    def _write_block(self, call: _CollectedCall) -> list[e.Event]:
        opened: list[e.Event] = []
        if self._held_close is None:
            index = self._numbering.allocate()
            opened.append(e.MessageOpened(index, f"msg_{call.opened.call_id}"))
            self._held_close = e.MessageClosed(index)
        text = self._format(call.opened, "".join(call.pieces))
        if not self._at_line_start:
            text = self._delimiter + text
        self._at_line_start, self._after_block = False, True
        return [*opened, e.TextDelta(self._held_close.index, text)]

    def _format(self, opened: e.CallOpened, arguments: str) -> str:
        name = qualified_name(opened.name, opened.namespace)
        order = self._offered.parameter_order(name)
        block = self._blocks.get(opened.call_id)
        if block is not None:
            return format_block(block, order)
        return format_call(name, arguments, opened.kind, order)

    def _close_held(self) -> list[e.Event]:
        closed, self._held_close = self._held_close, None
        return [] if closed is None else [closed]


_HANDLERS: Final[dict[type, Callable[[BlockWriter, Any], list[e.Event]]]] = {
    e.Began: BlockWriter._pass,
    e.MessageOpened: BlockWriter._open_item,
    e.ReasoningOpened: BlockWriter._open_item,
    e.SearchOpened: BlockWriter._open_item,
    e.CallOpened: BlockWriter._open_call,
    e.TextDelta: BlockWriter._text,
    e.RefusalDelta: BlockWriter._refusal,
    e.CallDelta: BlockWriter._call_delta,
    e.MessageClosed: BlockWriter._close_message,
    e.CallClosed: BlockWriter._close_call,
    e.UsageReported: BlockWriter._pass,
    e.Ended: BlockWriter._pass,
    e.Failed: BlockWriter._fail,
}
