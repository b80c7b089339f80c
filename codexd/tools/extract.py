"""Calls that a model wrote into its text become calls that it made: neutral events to neutral events.

A block that counts is a call of its own; the message around it is closed before it and goes on, as another
message, after it. A message opens with its first word, and so blanks before, between and after calls vanish.
A sentence without blocks stays as it is.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import define, evolve, field

from codexd.neutral import event as e
from codexd.neutral.reply import joined
from codexd.neutral.turn import JsonText
from codexd.tools.echoes import Echoes, Form, form
from codexd.tools.numbering import Numbering
from codexd.tools.offer import Offer
from codexd.tools.scanner import SCANNING, Block, Piece, Scanner, Scanning
from codexd.tools.use import Use

_BLANKS: Final = 256
"""So many blanks a message may wait with; more are something that is said."""


@define
class _Message:
    """A message of the model's, and the one of ours it is going on in.

    Attributes:
        opened: as the model opened it; later parts of it are opened alike.
        index: ours; None while none is open.
        part: how many calls came of it.
        found: whether a call was found in it, an echo included.
        blanks: what waits for a first word.
        logprobs: those of text that is held.
    """

    opened: e.MessageOpened
    scanner: Scanner
    index: int | None = None
    part: int = 0
    found: bool = False
    blanks: str = ""
    logprobs: list[JsonText] = field(factory=list)


@define
class _Call:
    """A call that the model makes, while its arguments come; `held` while it may be an echo."""

    name: str
    held: list[e.Event] | None
    pieces: list[str] = field(factory=list)

    @property
    def form(self) -> Form:
        return form(self.name, "".join(self.pieces))


class Extractor:
    """Follows one answer.

    Attributes:
        uses: the blocks that became calls, by the call's id.
    """

    def __init__(self, offer: Offer, token: str, scanning: Scanning = SCANNING) -> None:
        """Make one for one answer.

        Args:
            offer: the tools a block can call; a block that calls another is text.
            token: what makes the ids of this answer's calls its own.
            scanning: how texts are looked through.
        """
        self.uses: dict[str, Use] = {}
        self._offer = offer
        self._token = token
        self._scanning = scanning
        self._numbering = Numbering()
        self._echoes = Echoes()
        self._messages: dict[int, _Message] = {}
        self._calls: dict[int, _Call] = {}

    def feed(self, event: e.Event) -> list[e.Event]:
        """Take the next event of a sentence; give those of the new sentence that are certain."""
        take = _TAKES.get(type(event))
        return self._numbering.move(event) if take is None else take(self, event)

    def _pass(self, event: e.Event) -> list[e.Event]:
        return [event]

    def _open(self, event: e.Opened) -> list[e.Event]:
        return [*self._settle(), self._numbering.open(event)]

    def _open_message(self, event: e.MessageOpened) -> list[e.Event]:
        settled = self._settle()
        self._messages[event.index] = _Message(event, self._scanning.scanner())
        return settled

    def _settle(self) -> list[e.Event]:
        """Open the messages that wait for their first word, as another item is to open after them."""
        waiting = (m for m in self._messages.values() if m.index is None and not m.found)
        return [event for message in waiting for event in self._begin(message)]

    def _text(self, event: e.TextDelta) -> list[e.Event]:
        message = self._messages[event.index]
        if event.logprobs is not None:
            message.logprobs.append(event.logprobs)
        return self._take(message, message.scanner.feed(event.text))

    def _refuse(self, event: e.RefusalDelta) -> list[e.Event]:
        message = self._messages[event.index]
        said = self._finish(message) + self._begin(message)
        assert message.index is not None
        return [*said, evolve(event, index=message.index)]

    def _annotate(self, event: e.Annotated) -> list[e.Event]:
        """Pass a note on, unless a call was taken out: its positions would be another text's."""
        message = self._messages[event.index]
        if message.found:
            return []
        said = self._begin(message)
        assert message.index is not None
        return [*said, evolve(event, index=message.index)]

    def _close_message(self, event: e.MessageClosed) -> list[e.Event]:
        message = self._messages.pop(event.index)
        said = self._finish(message)
        return said if message.index is None else [*said, evolve(event, index=message.index)]

    def _finish(self, message: _Message) -> list[e.Event]:
        """Give what is left of a message's text; all of it is there."""
        said = self._take(message, message.scanner.finish())
        if not message.found:
            said += self._begin(message)
        if message.logprobs and message.index is not None:
            said.append(e.TextDelta(message.index, ""))
            _give_logprobs(message, said)
        return said

    def _take(self, message: _Message, pieces: list[Piece]) -> list[e.Event]:
        said: list[e.Event] = []
        for piece in pieces:
            call = self._call(piece.use, message) if isinstance(piece, Block) else None
            said += self._say(message, piece.source) if call is None else call
        if not message.scanner.holds:
            _give_logprobs(message, said)
        return said

    def _say(self, message: _Message, text: str) -> list[e.Event]:
        if message.index is None:
            message.blanks += text
            if message.blanks.isspace() and len(message.blanks) <= _BLANKS:
                return []
            return self._begin(message)
        return [e.TextDelta(message.index, text)]

    def _begin(self, message: _Message) -> list[e.Event]:
        """Open our message, if none is, with what has waited for it."""
        if message.index is not None:
            return []
        opened, message.index = message.opened, self._numbering.next()
        id = f"{opened.id}_{message.part}" if message.part else opened.id
        said: list[e.Event] = [evolve(opened, index=message.index, id=id)]
        if message.blanks:
            said.append(e.TextDelta(message.index, message.blanks))
        message.blanks = ""
        return said

    def _call(self, use: Use, message: _Message) -> list[e.Event] | None:
        """Make the call a block says; None when no tool on offer is meant."""
        tool = self._offer.find(use.name)
        if tool is None:
            return None
        arguments = self._offer.arguments(use, tool)
        message.found = True
        if not self._echoes.write(form(tool.name, arguments)):
            return []
        said: list[e.Event] = [] if message.index is None else [e.MessageClosed(message.index)]
        message.index, message.blanks, message.part = None, "", message.part + 1
        message.logprobs.clear()
        number = f"{self._token}{len(self.uses):04x}"
        self.uses[f"call_{number}"] = use
        index = self._numbering.next()
        said.append(
            e.CallOpened(index, f"fc_{number}", f"call_{number}", tool.name, tool.kind, tool.namespace)
        )
        return [*said, *([e.CallDelta(index, arguments)] if arguments else ()), e.CallClosed(index)]

    def _open_call(self, event: e.CallOpened) -> list[e.Event]:
        held: list[e.Event] | None = [event] if self._echoes.expects(event.name) else None
        self._calls[event.index] = _Call(event.name, held)
        return self._open(event) if held is None else []

    def _argue(self, event: e.CallDelta) -> list[e.Event]:
        call = self._calls[event.index]
        call.pieces.append(event.text)
        if call.held is None:
            return self._numbering.move(event)
        call.held.append(event)
        return []

    def _close_call(self, event: e.CallClosed) -> list[e.Event]:
        call = self._calls.pop(event.index)
        new = not event.complete or self._echoes.make(call.form)
        if call.held is None:
            return self._numbering.move(event)
        return self._release(call) + self._numbering.move(event) if new else []

    def _release(self, call: _Call) -> list[e.Event]:
        """Give what is held of a call that is no echo."""
        if not call.held:
            return []
        opened, *others = call.held
        assert isinstance(opened, e.CallOpened)
        return self._open(opened) + [moved for other in others for moved in self._numbering.move(other)]

    def _end(self, event: e.Ended) -> list[e.Event]:
        return [evolve(event, finish="tool_calls") if self.uses and event.finish == "stop" else event]

    def _fail(self, event: e.Failed) -> list[e.Event]:
        """Give what was held before the end: it was said."""
        said: list[e.Event] = []
        for message in self._messages.values():
            said += self._take(message, message.scanner.finish())
        for call in self._calls.values():
            said += self._release(call)
        return [*said, event]


def _give_logprobs(message: _Message, said: list[e.Event]) -> None:
    """Put the log probabilities of all text since the last ones on the last piece of it."""
    for place in reversed(range(len(said) if message.logprobs else 0)):
        if isinstance(delta := said[place], e.TextDelta):
            said[place] = evolve(delta, logprobs=joined(message.logprobs))
            message.logprobs.clear()
            return


_TAKES: Final[dict[type, Callable[[Extractor, Any], list[e.Event]]]] = {
    e.Began: Extractor._pass,
    e.MessageOpened: Extractor._open_message,
    e.ReasoningOpened: Extractor._open,
    e.SearchOpened: Extractor._open,
    e.CallOpened: Extractor._open_call,
    e.TextDelta: Extractor._text,
    e.Annotated: Extractor._annotate,
    e.RefusalDelta: Extractor._refuse,
    e.CallDelta: Extractor._argue,
    e.MessageClosed: Extractor._close_message,
    e.CallClosed: Extractor._close_call,
    e.UsageReported: Extractor._pass,
    e.Ended: Extractor._end,
    e.Failed: Extractor._fail,
}
