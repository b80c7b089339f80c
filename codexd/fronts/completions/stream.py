"""Neutral events to the chunks of a streamed legacy answer.

As in Chat, the frame around a text is written once, with a hole for the text.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.fronts import errors
from codexd.fronts.chat.answer import usage_object
from codexd.fronts.chat.lane import Lane, Spoken
from codexd.fronts.completions.answer import Scale, Style, envelope, piece
from codexd.fronts.exchange import Stamp
from codexd.neutral import event as e
from codexd.wire import json, sse
from codexd.wire.json import Json, encode

_DONE: Final = sse.frame(b"[DONE]")
_KEEPALIVE: Final = sse.comment(b"keep-alive")
_MARK: Final = b"\0"
_HOLE: Final = json.fragment(_MARK)
"""Where a text goes; JSON never holds a raw NUL."""


class _Choice:
    """One choice as it is being written."""

    def __init__(self, index: int, echoed: str, around: bytes) -> None:
        self.index = index
        self.echoed = echoed
        self.before, _, self.after = around.partition(_MARK)
        self.scale = Scale(len(echoed))
        self.messages: Lane[int] = Lane()


class CompletionsEncoder:
    """Writes one streamed answer (`codexd.fronts.exchange.Encoder`).

    Every choice is one grammatical sentence, of which its text is shown. After a failure of any of them
    nothing more is written: neither a finish nor `[DONE]`, so that no client takes the answer for a whole.
    """

    def __init__(self, style: Style, stamp: Stamp) -> None:
        self._style = style
        self._stamp = stamp
        self._choices = [
            _Choice(index, echoed, self._chunk([piece(index, _HOLE)]))
            for index, echoed in enumerate(style.echoed)
        ]
        self._left = len(self._choices)
        self._usages: list[e.Usage] = []
        self._over = False

    def feed(self, event: e.Event, choice: int = 0) -> list[bytes]:
        """Give the frames this event amounts to; possibly none."""
        if self._over:
            return []
        write = _WRITES.get(type(event))
        return [] if write is None else write(self, self._choices[choice], event)

    def keepalive(self) -> bytes:
        """Give a comment, which resets a client's idle timer and means nothing."""
        return _KEEPALIVE

    def _chunk(self, choices: Json, usage: Json = None) -> bytes:
        counted = {"usage": usage} if self._style.include_usage else {}
        return sse.frame(encode({**envelope(self._stamp, choices), **counted}))

    def _text(self, choice: _Choice, text: str) -> list[bytes]:
        """Write a piece of text: one encoding and one concatenation; an empty one is nothing."""
        return [choice.before + encode(text) + choice.after] if text else []

    def _tell(self, choice: _Choice, event: Spoken) -> list[bytes]:
        """Write a piece whose turn it is; what is noted on a text has no place here."""
        if isinstance(event, e.TextDelta) and event.logprobs is not None:
            return [self._chunk([piece(choice.index, event.text, choice.scale.weigh(event.logprobs))])]
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
        self._usages.append(event.usage)
        return []

    def _ended(self, choice: _Choice, event: e.Ended) -> list[bytes]:
        """Finish a choice; with the last one the stream is whole."""
        frames = [self._chunk([piece(choice.index, "", finish=event.finish)])]
        self._left -= 1
        if self._left:
            return frames
        self._over = True
        if self._style.include_usage:
            frames.append(self._chunk([], usage_object(self._usages)))
        return [*frames, _DONE]

    def _failed(self, choice: _Choice, event: e.Failed) -> list[bytes]:
        self._over = True
        return [sse.frame(errors.render(event.fault))]


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
