"""All tool calls of an answer, however they came: made or written, in pieces or whole; for every choice.

A piece of a call is never taken for a repetition of another: arguments may repeat themselves. What is known
twice, a call by its id, a message by its own, a written call as the echo of one that was made, counts once.
"""

from attrs import define, field

from codexd.neutral import event as e
from codexd.neutral.turn import Message, TextPart, ToolCall
from codexd.tools.echoes import Echoes, form
from codexd.tools.offer import Offer
from codexd.tools.scanner import SCANNING, Block, Piece, Scanner, Scanning


@define
class _Record:
    """One call as it stands; `echo` when it says what a written one said."""

    opened: e.CallOpened
    pieces: list[str] = field(factory=list)
    over: bool = False
    complete: bool = False
    echo: bool = False

    def call(self) -> ToolCall:
        opened, arguments = self.opened, "".join(self.pieces)
        return ToolCall(
            opened.call_id, opened.name, arguments, opened.kind, opened.namespace, opened.id, self.complete
        )


@define
class _Choice:
    """What is known of one choice."""

    records: list[_Record] = field(factory=list)
    open: dict[int, _Record] = field(factory=dict)
    texts: dict[int, Scanner] = field(factory=dict)
    heard: set[str | Message] = field(factory=set)
    echoes: Echoes = field(factory=Echoes)
    written: int = 0

    def known(self, call_id: str) -> _Record | None:
        return next((record for record in self.records if record.opened.call_id == call_id), None)


class Aggregator:
    """Gathers calls. Its answers are values: what comes later does not change them."""

    def __init__(self, offer: Offer | None = None, scanning: Scanning = SCANNING) -> None:
        """Make one.

        Args:
            offer: the tools that a block in a text can call; left out, any.
            scanning: how texts are looked through.
        """
        self._offer = Offer(any=True) if offer is None else offer
        self._scanning = scanning
        self._choices: dict[int, _Choice] = {}

    def feed(self, event: e.Event, choice: int = 0) -> bool:
        """Take the next event of a choice's sentence; tell whether it changed any call."""
        known = self._of(choice)
        match event:
            case e.CallOpened():
                return _open(known, event)
            case e.CallDelta():
                return _argue(known, event)
            case e.CallClosed():
                return _close(known, event)
            case e.MessageOpened():
                known.heard.add(event.id)
            case e.TextDelta():
                return self._write(choice, self._text(known, event.index).feed(event.text))
            case e.MessageClosed():
                known.texts.pop(event.index, None)
        return False

    def take(self, item: ToolCall | Message, choice: int = 0) -> bool:
        """Take a whole call or message; tell whether it changed any call."""
        known = self._of(choice)
        if isinstance(item, ToolCall):
            return _take(known, item)
        if item in known.heard or item.id in known.heard:
            return False
        known.heard.add(item)
        text = "".join(part.text for part in item.parts if isinstance(part, TextPart))
        return self._write(choice, self._scanning.scanner().feed(text))

    def snapshot(self, choice: int = 0) -> tuple[ToolCall, ...]:
        """Give the calls of a choice in the order in which they began, as they stand."""
        known = self._choices.get(choice, _Choice())
        return tuple(record.call() for record in known.records if not record.echo)

    def reset(self, choice: int | None = None) -> None:
        """Forget a choice, or all of them; the patterns stay."""
        if choice is None:
            self._choices.clear()
        else:
            self._choices.pop(choice, None)

    def _of(self, choice: int) -> _Choice:
        return self._choices.setdefault(choice, _Choice())

    def _text(self, known: _Choice, index: int) -> Scanner:
        return known.texts.setdefault(index, self._scanning.scanner())

    def _write(self, choice: int, pieces: list[Piece]) -> bool:
        """Take the calls that were written; tell whether any is new."""
        known, changed = self._of(choice), False
        for piece in pieces:
            tool = self._offer.find(piece.use.name) if isinstance(piece, Block) else None
            if tool is None or not isinstance(piece, Block):
                continue
            arguments = self._offer.arguments(piece.use, tool)
            if known.echoes.write(form(tool.name, arguments)):
                call_id = f"tool_{choice}_{known.written}"
                opened = e.CallOpened(-1, call_id, call_id, tool.name, tool.kind, tool.namespace)
                known.records.append(_Record(opened, [arguments], over=True, complete=True))
                known.written, changed = known.written + 1, True
        return changed


def _open(known: _Choice, event: e.CallOpened) -> bool:
    record = known.known(event.call_id)
    if record is not None:
        return False
    record = _Record(event, echo=known.echoes.expects(event.name))
    known.records.append(record)
    known.open[event.index] = record
    return not record.echo


def _argue(known: _Choice, event: e.CallDelta) -> bool:
    record = known.open.get(event.index)
    if record is None or not event.text:
        return False
    record.pieces.append(event.text)
    return not record.echo


def _close(known: _Choice, event: e.CallClosed) -> bool:
    record = known.open.pop(event.index, None)
    if record is None:
        return False
    record.over, record.complete = True, event.complete
    record.echo = not known.echoes.make(form(record.opened.name, "".join(record.pieces)))
    return not record.echo


def _take(known: _Choice, call: ToolCall) -> bool:
    """Take a whole call; what it says counts before the pieces that came of it."""
    record = known.known(call.call_id)
    if record is None:
        opened = e.CallOpened(-1, call.id or call.call_id, call.call_id, call.name, call.kind, call.namespace)
        record = _Record(opened)
        known.records.append(record)
    elif record.over:
        return False
    known.open = {index: other for index, other in known.open.items() if other is not record}
    record.pieces, record.over, record.complete = [call.arguments], True, call.complete
    record.echo = not known.echoes.make(form(call.name, call.arguments))
    return not record.echo
