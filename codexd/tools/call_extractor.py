"""Converts the calls that a model wrote into its text to structured calls: neutral events to neutral events.

A block that calls an offered tool becomes a call item. The message around it is closed before the call and
continues after it as another message. A message opens with its first non-blank text, so that blanks before,
between and after calls are dropped. An event stream without blocks does not change.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import define, evolve, field

from codexd.neutral import event as e
from codexd.neutral.reply import concat_json_arrays
from codexd.neutral.turn import JsonText
from codexd.tools.block_parser import ParsedBlock
from codexd.tools.block_scanner import DEFAULT_SCAN, BlockPiece, BlockScanner, ScannedPiece, ScanOptions
from codexd.tools.duplicate_calls import CallKey, DuplicateCalls, call_key
from codexd.tools.numbering import ItemNumbering
from codexd.tools.offered_tools import OfferedTools

MAX_CALLS: Final = 1024
"""How many blocks of a response become calls, far more than any client runs; a block after them is text."""

_MAX_BLANKS: Final = 256
"""How many blanks a message holds back before it opens with them."""


@define(kw_only=True)
class _OpenMessage:
    """A message of the model, and the part of it that is open in the converted stream.

    Attributes:
        opened: the model's event; later parts open with the same fields.
        scanner: scans the message's text.
        index: the index of the open part; None while none is open.
        part: how many calls were extracted.
        has_blocks: whether a call was found in it, duplicates included.
        blanks: the blanks held back until the first text.
        logprobs: the log probabilities of held text.
    """

    opened: e.MessageOpened
    scanner: BlockScanner
    index: int | None = None
    part: int = 0
    has_blocks: bool = False
    blanks: str = ""
    logprobs: list[JsonText] = field(factory=list)


@define
class _OpenCall:
    """A structured call whose arguments are arriving; its events are `held` while it may be a duplicate."""

    name: str
    held: list[e.Event] | None
    pieces: list[str] = field(factory=list)

    @property
    def key(self) -> CallKey:
        return call_key(self.name, "".join(self.pieces))


class CallExtractor:
    """Extracts the calls of one response.

    Attributes:
        blocks: the blocks that became calls, by call id.
    """

    def __init__(self, offered: OfferedTools, token: str, scan: ScanOptions = DEFAULT_SCAN) -> None:
        """Build the extractor of one response.

        Args:
            offered: the tools that a block can call; a block that calls another tool is text.
            token: makes the ids of this response's calls unique.
            scan: the options of the text scanners.
        """
        self.blocks: dict[str, ParsedBlock] = {}
        self._offered = offered
        self._token = token
        self._scan = scan
        self._numbering = ItemNumbering()
        self._duplicates = DuplicateCalls()
        self._messages: dict[int, _OpenMessage] = {}
        self._calls: dict[int, _OpenCall] = {}

    def feed(self, event: e.Event) -> list[e.Event]:
        """Convert the next event; return the converted events that are certain now."""
        handle = _HANDLERS.get(type(event))
        return self._numbering.renumber(event) if handle is None else handle(self, event)

    def _pass(self, event: e.Event) -> list[e.Event]:
        return [event]

    def _open_item(self, event: e.Opened) -> list[e.Event]:
        return [*self._open_waiting_messages(), self._numbering.open(event)]

    def _open_message(self, event: e.MessageOpened) -> list[e.Event]:
        events = self._open_waiting_messages()
        self._messages[event.index] = _OpenMessage(opened=event, scanner=BlockScanner(self._scan))
        return events

    def _open_waiting_messages(self) -> list[e.Event]:
        """Open the messages that wait for their first text, because another item opens after them."""
        waiting = (m for m in self._messages.values() if m.index is None and not m.has_blocks)
        return [event for message in waiting for event in self._open_part(message)]

    def _text(self, event: e.TextDelta) -> list[e.Event]:
        message = self._messages[event.index]
        if event.logprobs is not None:
            message.logprobs.append(event.logprobs)
        return self._convert_pieces(message, message.scanner.feed(event.text))

    def _refusal(self, event: e.RefusalDelta) -> list[e.Event]:
        message = self._messages[event.index]
        events = self._finish_text(message) + self._open_part(message)
        assert message.index is not None
        return [*events, evolve(event, index=message.index)]

    def _annotation(self, event: e.Annotated) -> list[e.Event]:
        """Pass on an annotation, unless a call was extracted: its positions would be wrong then."""
        message = self._messages[event.index]
        if message.has_blocks:
            return []
        events = self._open_part(message)
        assert message.index is not None
        return [*events, evolve(event, index=message.index)]

    def _close_message(self, event: e.MessageClosed) -> list[e.Event]:
        message = self._messages.pop(event.index)
        events = self._finish_text(message)
        return events if message.index is None else [*events, evolve(event, index=message.index)]

    def _finish_text(self, message: _OpenMessage) -> list[e.Event]:
        """Return the rest of a message's text, which is complete."""
        events = self._convert_pieces(message, message.scanner.finish())
        if not message.has_blocks:
            events += self._open_part(message)
        if message.logprobs and message.index is not None:
            events.append(e.TextDelta(message.index, ""))
            _attach_logprobs(message, events)
        return events

    def _convert_pieces(self, message: _OpenMessage, pieces: list[ScannedPiece]) -> list[e.Event]:
        events: list[e.Event] = []
        for piece in pieces:
            call = self._extract_call(piece.block, message) if isinstance(piece, BlockPiece) else None
            events += self._add_text(message, piece.source) if call is None else call
        if not message.scanner.is_holding:
            _attach_logprobs(message, events)
        return events

    def _add_text(self, message: _OpenMessage, text: str) -> list[e.Event]:
        if message.index is None:
            message.blanks += text
            if message.blanks.isspace() and len(message.blanks) <= _MAX_BLANKS:
                return []
            return self._open_part(message)
        return [e.TextDelta(message.index, text)]

    def _open_part(self, message: _OpenMessage) -> list[e.Event]:
        """Open the next part of a message, if none is open, with the blanks that were held back."""
        if message.index is not None:
            return []
        opened, message.index = message.opened, self._numbering.allocate()
        id = f"{opened.id}_{message.part}" if message.part else opened.id
        events: list[e.Event] = [evolve(opened, index=message.index, id=id)]
        if message.blanks:
            events.append(e.TextDelta(message.index, message.blanks))
        message.blanks = ""
        return events

    def _extract_call(self, block: ParsedBlock, message: _OpenMessage) -> list[e.Event] | None:
        """Return the events of a block's call; None if the block calls no offered tool, or one too many."""
        tool = self._offered.find(block.name)
        if tool is None or len(self.blocks) >= MAX_CALLS:
            return None
        arguments = self._offered.build_arguments(block, tool)
        message.has_blocks = True
        if not self._duplicates.add_text_call(call_key(tool.name, arguments)):
            return []
        events: list[e.Event] = [] if message.index is None else [e.MessageClosed(message.index)]
        message.index, message.blanks, message.part = None, "", message.part + 1
        message.logprobs.clear()
        number = f"{self._token}{len(self.blocks):04x}"
        self.blocks[f"call_{number}"] = block
        index = self._numbering.allocate()
        events.append(
            e.CallOpened(
                index=index,
                id=f"fc_{number}",
                call_id=f"call_{number}",
                name=tool.name,
                kind=tool.kind,
                namespace=tool.namespace,
            )
        )
        return [*events, *([e.CallDelta(index, arguments)] if arguments else ()), e.CallClosed(index)]

    def _open_call(self, event: e.CallOpened) -> list[e.Event]:
        held: list[e.Event] | None = [event] if self._duplicates.may_duplicate(event.name) else None
        self._calls[event.index] = _OpenCall(event.name, held)
        return self._open_item(event) if held is None else []

    def _call_delta(self, event: e.CallDelta) -> list[e.Event]:
        call = self._calls[event.index]
        call.pieces.append(event.text)
        if call.held is None:
            return self._numbering.renumber(event)
        call.held.append(event)
        return []

    def _close_call(self, event: e.CallClosed) -> list[e.Event]:
        call = self._calls.pop(event.index)
        is_new = not event.complete or self._duplicates.add_structured_call(call.key)
        if call.held is None:
            return self._numbering.renumber(event)
        return self._take_held(call) + self._numbering.renumber(event) if is_new else []

    def _take_held(self, call: _OpenCall) -> list[e.Event]:
        """Return the held events of a call that is not a duplicate."""
        if not call.held:
            return []
        opened, *others = call.held
        assert isinstance(opened, e.CallOpened)
        events = self._open_item(opened)
        return events + [renumbered for other in others for renumbered in self._numbering.renumber(other)]

    def _end(self, event: e.Ended) -> list[e.Event]:
        return [evolve(event, finish="tool_calls") if self.blocks and event.finish == "stop" else event]

    def _fail(self, event: e.Failed) -> list[e.Event]:
        """Return everything held back before the failure: the model did send it."""
        events: list[e.Event] = []
        for message in self._messages.values():
            events += self._convert_pieces(message, message.scanner.finish())
        for call in self._calls.values():
            events += self._take_held(call)
        return [*events, event]


def _attach_logprobs(message: _OpenMessage, events: list[e.Event]) -> None:
    """Attach the log probabilities of all text since the last ones to the last text event."""
    for position in reversed(range(len(events) if message.logprobs else 0)):
        if isinstance(delta := events[position], e.TextDelta):
            events[position] = evolve(delta, logprobs=concat_json_arrays(message.logprobs))
            message.logprobs.clear()
            return


_HANDLERS: Final[dict[type, Callable[[CallExtractor, Any], list[e.Event]]]] = {
    e.Began: CallExtractor._pass,
    e.MessageOpened: CallExtractor._open_message,
    e.ReasoningOpened: CallExtractor._open_item,
    e.SearchOpened: CallExtractor._open_item,
    e.CallOpened: CallExtractor._open_call,
    e.TextDelta: CallExtractor._text,
    e.Annotated: CallExtractor._annotation,
    e.RefusalDelta: CallExtractor._refusal,
    e.CallDelta: CallExtractor._call_delta,
    e.MessageClosed: CallExtractor._close_message,
    e.CallClosed: CallExtractor._close_call,
    e.UsageReported: CallExtractor._pass,
    e.Ended: CallExtractor._end,
    e.Failed: CallExtractor._fail,
}
