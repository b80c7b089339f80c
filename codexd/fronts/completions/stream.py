"""Neutral events to the chunks of a streamed legacy answer."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from codexd.fronts.chat.chunks import HOLE, KEEPALIVE, Chunks, Frame
from codexd.fronts.chat.lane import Lane, Spoken
from codexd.fronts.completions.answer import Scale, Style, envelope, piece
from codexd.fronts.exchange import Stamp
from codexd.neutral import event as e
from codexd.wire.json import encode


class _Choice:
    """One choice as it is being written."""

    def __init__(self, index: int, echoed: str, around: Frame) -> None:
        self.index = index
        self.echoed = echoed
        self.before, self.after = around
        self.scale = Scale(len(echoed))
        self.messages: Lane[int] = Lane()


class CompletionsEncoder:
    """Writes one streamed answer (`codexd.fronts.exchange.Encoder`).

    Every choice is one grammatical sentence, of which its text is shown. After a failure of any of them
    nothing more is written.
    """

    def __init__(self, style: Style, stamp: Stamp) -> None:
        self._chunks = Chunks(len(style.echoed), style.include_usage, partial(envelope, stamp))
        self._choices = [
            _Choice(index, echoed, self._chunks.around([piece(index, HOLE)]))
            for index, echoed in enumerate(style.echoed)
        ]

    def feed(self, event: e.Event, choice: int = 0) -> list[bytes]:
        """Give the frames this event amounts to; possibly none."""
        if self._chunks.over:
            return []
        write = _WRITES.get(type(event))
        return [] if write is None else write(self, self._choices[choice], event)

    def keepalive(self) -> bytes:
        """Give a comment."""
        return KEEPALIVE

    def _text(self, choice: _Choice, text: str) -> list[bytes]:
        """Write a piece of text: one encoding and one concatenation; an empty one is nothing."""
        return [choice.before + encode(text) + choice.after] if text else []

    def _tell(self, choice: _Choice, event: Spoken) -> list[bytes]:
        """Write a piece whose turn it is; what is noted on a text has no place here."""
        if isinstance(event, e.TextDelta) and event.logprobs is not None:
            weights = choice.scale.weigh(event.logprobs)
            return [self._chunks.write([piece(choice.index, event.text, weights)])]
        return self._text(choice, event.text) if isinstance(event, e.TextDelta | e.RefusalDelta) else []

    def _began(self, choice: _Choice, event: e.Began) -> list[bytes]:
        return self._text(choice, choice.echoed)

    def _opened(self, choice: _Choice, event: e.MessageOpened) -> list[bytes]:
        choice.messages.enter(event.index)
        return []

    def _said(self, choice: _Choice, event: e.TextDelta | e.RefusalDelta) -> list[bytes]:
        if event.index != choice.messages.current:
            choice.messages.wait(event.index, event)
            return []
        return self._tell(choice, event)

    def _closed(self, choice: _Choice, event: e.MessageClosed) -> list[bytes]:
        return [frame for late in choice.messages.leave(event.index) for frame in self._tell(choice, late)]

    def _counted(self, choice: _Choice, event: e.UsageReported) -> list[bytes]:
        self._chunks.count(event.usage)
        return []

    def _ended(self, choice: _Choice, event: e.Ended) -> list[bytes]:
        """Finish a choice; with the last one the stream is whole."""
        finish = self._chunks.write([piece(choice.index, "", finish=event.finish)])
        return [finish, *self._chunks.finished()]

    def _failed(self, choice: _Choice, event: e.Failed) -> list[bytes]:
        return self._chunks.failed(event.fault)


# Of all that a model may say, text is what this dialect has a place for.
_WRITES: Final[dict[type, Callable[[CompletionsEncoder, _Choice, Any], list[bytes]]]] = {
    e.Began: CompletionsEncoder._began,
    e.MessageOpened: CompletionsEncoder._opened,
    e.TextDelta: CompletionsEncoder._said,
    e.RefusalDelta: CompletionsEncoder._said,
    e.MessageClosed: CompletionsEncoder._closed,
    e.UsageReported: CompletionsEncoder._counted,
    e.Ended: CompletionsEncoder._ended,
    e.Failed: CompletionsEncoder._failed,
}
