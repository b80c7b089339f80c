"""Neutral events to the chunks of a streamed Chat answer."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from codexd.fronts.chat.answer import PARAGRAPH, Style, annotation, envelope, logprobs
from codexd.fronts.chat.chunks import HOLE, KEEPALIVE, Chunks, Frame
from codexd.fronts.chat.lane import Lane, Spoken
from codexd.fronts.exchange import Stamp
from codexd.neutral import event as e
from codexd.neutral.turn import JsonText
from codexd.wire.json import Json, encode

PartKey = tuple[int, type, int]
"""Item, kind and number of one part of the reasoning."""


class _Choice:
    """One choice as it is being written: the frames around its texts and who has which lane.

    Attributes:
        speaker: the message whose text was written last.
        before: how many characters of `content` stand before that message's.
        written: the pieces of that message's text.
        noted: the annotations, which are told at the end: to the SDKs, a second list of them is an error.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.text: Frame = (b"", b"")
        self.messages: Lane[int] = Lane()
        self.speaker: int | None = None
        self.before = 0
        self.noted: list[Json] = []
        self.written: list[str] = []
        self.parts: Lane[PartKey] = Lane()
        self.open_parts: set[PartKey] = set()
        self.shown_part: PartKey | None = None
        self.calls: dict[int, Frame | None] = {}

    def turn_to(self, message: int) -> None:
        """Note whose text is written from here on."""
        if message != self.speaker:
            self.speaker = message
            self.before += sum(map(len, self.written))
            self.written.clear()


class ChatEncoder:
    """Writes one streamed answer (`codexd.fronts.exchange.Encoder`).

    Every choice is one grammatical sentence. After a failure of any of them nothing more is written.
    """

    def __init__(self, choices: int, style: Style, stamp: Stamp) -> None:
        self._style = style
        self._choices = [_Choice(index) for index in range(choices)]
        self._chunks = Chunks(
            choices, style.include_usage, partial(envelope, "chat.completion.chunk", style, stamp)
        )
        self._begun = False
        for choice in self._choices:
            choice.text = self._around(choice, {"content": HOLE})

    def feed(self, event: e.Event, choice: int = 0) -> list[bytes]:
        """Give the frames this event amounts to; possibly none."""
        if self._chunks.over:
            return []
        return _WRITES[type(event)](self, self._choices[choice], event)

    def keepalive(self) -> bytes:
        """Give a comment."""
        return KEEPALIVE

    # Frames.

    def _delta(
        self, choice: _Choice, delta: Json, finish: str | None = None, tokens: JsonText | None = None
    ) -> bytes:
        return self._chunks.write([_piece(choice, delta, finish, tokens)])

    def _around(self, choice: _Choice, delta: Json) -> Frame:
        return self._chunks.around([_piece(choice, delta)])

    # Messages.

    def _began(self, choice: _Choice, event: e.Began) -> list[bytes]:
        """Open all choices with the first: SDKs find a choice by its place in the list of those begun."""
        begun, self._begun = self._begun, True
        opening = {"role": "assistant", "content": ""}
        return [] if begun else [self._delta(one, opening) for one in self._choices]

    def _message_opened(self, choice: _Choice, event: e.MessageOpened) -> list[bytes]:
        choice.messages.enter(event.index)
        if choice.messages.current == event.index:
            choice.turn_to(event.index)
        return []

    def _text(self, choice: _Choice, event: e.TextDelta) -> list[bytes]:
        """Write a piece of text: the hot path, one encoding and one concatenation."""
        if event.index != choice.messages.current:
            choice.messages.wait(event.index, event)
            return []
        if event.logprobs is not None:
            return self._tell(choice, [event])
        before, after = choice.text
        choice.written.append(event.text)
        return [before + encode(event.text) + after] if event.text else []

    def _aside(self, choice: _Choice, event: e.RefusalDelta | e.Annotated) -> list[bytes]:
        if event.index != choice.messages.current:
            choice.messages.wait(event.index, event)
            return []
        return self._tell(choice, [event])

    def _message_closed(self, choice: _Choice, event: e.MessageClosed) -> list[bytes]:
        frames = self._tell(choice, choice.messages.leave(event.index))
        if choice.messages.current is not None:
            choice.turn_to(choice.messages.current)
        return frames

    def _tell(self, choice: _Choice, due: Iterable[Spoken]) -> list[bytes]:
        """Write pieces whose turn it is."""
        return [frame for event in due for frame in self._piece(choice, event)]

    def _piece(self, choice: _Choice, event: Spoken) -> list[bytes]:
        """Write one piece; an empty one is nothing."""
        delta = _DELTAS[type(event)](choice, event)
        tokens = event.logprobs if isinstance(event, e.TextDelta) else None
        return [self._delta(choice, delta, tokens=tokens)] if delta else []

    # Reasoning.

    def _part(self, choice: _Choice, event: e.SummaryDelta | e.ThoughtDelta) -> list[bytes]:
        """Write a piece of one part; a part ends where the next of its kind begins, or with its item."""
        if not self._style.show_reasoning:
            return []
        key = (event.index, type(event), event.part)
        frames = [] if key in choice.open_parts else self._next_part(choice, key)
        if key != choice.parts.current:
            choice.parts.wait(key, event)
            return frames
        return frames + self._tell(choice, [event])

    def _next_part(self, choice: _Choice, key: PartKey) -> list[bytes]:
        choice.open_parts.add(key)
        choice.parts.enter(key)
        index, kind, part = key
        return self._part_over(choice, (index, kind, part - 1)) if part else []

    def _part_over(self, choice: _Choice, key: PartKey) -> list[bytes]:
        choice.open_parts.remove(key)
        return self._tell(choice, choice.parts.leave(key))

    def _reasoning_closed(self, choice: _Choice, event: e.ReasoningClosed) -> list[bytes]:
        over = [key for key in choice.open_parts if key[0] == event.index]
        return [frame for key in over for frame in self._part_over(choice, key)]

    # Calls.

    def _call_opened(self, choice: _Choice, event: e.CallOpened) -> list[bytes]:
        number = len(choice.calls)
        if self._style.legacy_functions:
            return self._legacy_opened(choice, event)
        rest = {"index": number, **self._style.call_body(event.kind, {}, HOLE)}
        choice.calls[event.index] = self._around(choice, {"tool_calls": [rest]})
        first = {"index": number, **self._style.call(event.kind, event.call_id, event.name, "")}
        return [self._delta(choice, {"tool_calls": [first]})]

    def _legacy_opened(self, choice: _Choice, event: e.CallOpened) -> list[bytes]:
        """Open the deprecated `function_call`; a second call has no room in this shape."""
        if choice.calls:
            choice.calls[event.index] = None
            return []
        choice.calls[event.index] = self._around(choice, {"function_call": {"arguments": HOLE}})
        return [self._delta(choice, {"function_call": {"name": event.name, "arguments": ""}})]

    def _arguments(self, choice: _Choice, event: e.CallDelta) -> list[bytes]:
        around = choice.calls[event.index]
        return [] if around is None else [around[0] + encode(event.text) + around[1]]

    # Ends.

    def _nothing(self, choice: _Choice, event: e.Event) -> list[bytes]:
        return []

    def _counted(self, choice: _Choice, event: e.UsageReported) -> list[bytes]:
        self._chunks.count(event.usage)
        return []

    def _ended(self, choice: _Choice, event: e.Ended) -> list[bytes]:
        """Finish a choice; with the last one the stream is whole."""
        noted = [self._delta(choice, {"annotations": choice.noted})] if choice.noted else []
        finish = self._delta(choice, {}, self._style.finish(event.finish))
        return [*noted, finish, *self._chunks.finished()]

    def _failed(self, choice: _Choice, event: e.Failed) -> list[bytes]:
        return self._chunks.failed(event.fault)


def _piece(choice: _Choice, delta: Json, finish: str | None = None, tokens: JsonText | None = None) -> Json:
    return {"index": choice.index, "delta": delta, "logprobs": logprobs(tokens), "finish_reason": finish}


def _content(choice: _Choice, event: e.TextDelta) -> Json:
    choice.turn_to(event.index)
    choice.written.append(event.text)
    return {"content": event.text} if event.text or event.logprobs else {}


def _noted(choice: _Choice, event: e.Annotated) -> Json:
    choice.turn_to(event.index)
    noted = annotation(event.annotation, choice.before)
    choice.noted += [] if noted is None else [noted]
    return {}


def _declined(choice: _Choice, event: e.RefusalDelta) -> Json:
    return {"refusal": event.text} if event.text else {}


def _thought(choice: _Choice, event: e.SummaryDelta | e.ThoughtDelta) -> Json:
    """Give a piece of reasoning, after a blank line if it begins another part than was shown last."""
    if not event.text:
        return {}
    key = (event.index, type(event), event.part)
    begins = choice.shown_part not in (None, key)
    choice.shown_part = key
    return {"reasoning_content": PARAGRAPH + event.text if begins else event.text}


_DELTAS: Final[dict[type, Callable[[_Choice, Any], Json]]] = {
    e.TextDelta: _content,
    e.Annotated: _noted,
    e.RefusalDelta: _declined,
    e.SummaryDelta: _thought,
    e.ThoughtDelta: _thought,
}

_WRITES: Final[dict[type, Callable[[ChatEncoder, _Choice, Any], list[bytes]]]] = {
    e.Began: ChatEncoder._began,
    e.MessageOpened: ChatEncoder._message_opened,
    e.TextDelta: ChatEncoder._text,
    e.Annotated: ChatEncoder._aside,
    e.RefusalDelta: ChatEncoder._aside,
    e.MessageClosed: ChatEncoder._message_closed,
    e.ReasoningOpened: ChatEncoder._nothing,
    e.SummaryDelta: ChatEncoder._part,
    e.ThoughtDelta: ChatEncoder._part,
    e.ReasoningClosed: ChatEncoder._reasoning_closed,
    e.CallOpened: ChatEncoder._call_opened,
    e.CallDelta: ChatEncoder._arguments,
    e.CallClosed: ChatEncoder._nothing,
    e.SearchOpened: ChatEncoder._nothing,
    e.SearchClosed: ChatEncoder._nothing,
    e.UsageReported: ChatEncoder._counted,
    e.Ended: ChatEncoder._ended,
    e.Failed: ChatEncoder._failed,
}
