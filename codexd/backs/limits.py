"""Stop sequences and a ceiling on output tokens, kept here because the app-server knows neither.

A message ends before the stop sequence that is complete first (of several complete at once, the longest).
What could be the beginning of one is held back until it is not, across deltas, so the cut does not depend on
how the text was split. The ceiling counts estimated tokens (codexd.backs.estimate) of text and visible
reasoning; calls are never cut.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.backs.estimate import BYTES_PER_TOKEN
from codexd.neutral import event as e
from codexd.neutral.turn import JsonText, Sampling


class Limits:
    """Passes one answer's events on, up to its limit.

    Attributes:
        reached: the answer was ended here; the model need not go on.
    """

    def __init__(self, sampling: Sampling, estimate: Callable[[int], e.Usage]) -> None:
        self.reached = False
        self._stops = sampling.stop
        # Only after one of these can a stop sequence be on its way.
        self._begun_by = frozenset("".join(stop[:-1] for stop in sampling.stop))
        self._budget = None if sampling.max_tokens is None else sampling.max_tokens * BYTES_PER_TOKEN
        self._estimate = estimate
        self._size = 0
        # By index, in order: what is held back of a message, and how to close what is open.
        self._held: dict[int, str] = {}
        self._open: dict[int, Callable[[int, bool], e.Event]] = {}

    @staticmethod
    def needed(sampling: Sampling) -> bool:
        """Tell whether there is anything to keep."""
        return bool(sampling.stop) or sampling.max_tokens is not None

    def feed(self, event: e.Event) -> list[e.Event]:
        """Pass one event on, whole, cut or with what was held back before it."""
        if self.reached:
            return []
        if isinstance(event, e.TextDelta):
            return self._text(event) if event.text else [event]
        if isinstance(event, e.SummaryDelta | e.ThoughtDelta):
            return self._thought(event) if event.text else [event]
        released: list[e.Event] = []
        if isinstance(event, e.MessageClosed | e.RefusalDelta):
            # At the end of a message's text nothing can complete a stop sequence any more.
            released = self._release(event.index)
        elif isinstance(event, e.Failed):
            released = self._release_all()
        return released if self.reached else [*released, *self._pass(event)]

    def _pass(self, event: e.Event) -> list[e.Event]:
        closes = _CLOSES.get(type(event))
        if closes is not None:
            self._open[event.index] = closes  # type: ignore[union-attr]
        elif isinstance(event, e.Closed):
            self._open.pop(event.index, None)
        return [event]

    def _text(self, event: e.TextDelta) -> list[e.Event]:
        index = event.index
        text = self._held.get(index, "") + event.text
        cut = _cut(text, self._stops) if self._stops else None
        if cut is not None:
            self._held[index] = ""
            return [*self._say(index, text[:cut]), *self._release_all(), *self._end("stop")]
        if text[-1:] not in self._begun_by:
            self._held[index] = ""
            return self._say(index, text, event.logprobs)
        keep = max(_overlap(text, stop) for stop in self._stops)
        self._held[index] = text[len(text) - keep :]
        return self._say(index, text[: len(text) - keep], event.logprobs)

    def _thought(self, event: e.SummaryDelta | e.ThoughtDelta) -> list[e.Event]:
        fitting, over = self._fit(event.text)
        said: list[e.Event] = [type(event)(event.index, event.part, fitting)] if fitting else []
        return said + self._end("length") if over else said

    def _release(self, index: int) -> list[e.Event]:
        return self._say(index, self._held.pop(index, ""))

    def _release_all(self) -> list[e.Event]:
        return [event for index in sorted(self._held) for event in self._release(index)]

    def _say(self, index: int, text: str, logprobs: JsonText | None = None) -> list[e.Event]:
        fitting, over = self._fit(text)
        said: list[e.Event] = [e.TextDelta(index, fitting, logprobs)] if fitting or logprobs else []
        return said + self._end("length") if over else said

    def _fit(self, text: str) -> tuple[str, bool]:
        """Give what of a text fits, and whether some did not."""
        if not text:
            return "", False
        data = text.encode()
        room = len(data) if self._budget is None else self._budget - self._size
        fitting = data[:room].decode(errors="ignore") if len(data) > room else text
        self._size += min(len(data), room)
        return fitting, len(data) > room

    def _end(self, finish: e.Finish) -> list[e.Event]:
        if self.reached:
            return []
        self.reached = True
        complete = finish == "stop"
        closed = [closes(index, complete) for index, closes in self._open.items()]
        return [*closed, e.UsageReported(self._estimate(self._size)), e.Ended(finish)]


_CLOSES: Final[dict[type, Any]] = {
    e.MessageOpened: lambda index, complete: e.MessageClosed(index, complete),
    e.ReasoningOpened: lambda index, complete: e.ReasoningClosed(index, None, complete),
    e.CallOpened: lambda index, complete: e.CallClosed(index, complete),
    e.SearchOpened: lambda index, complete: e.SearchClosed(index, None, complete),
}


def _cut(text: str, stops: tuple[str, ...]) -> int | None:
    """Give where the text ends, if a stop sequence is complete in it."""
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return min(found)[1] if found else None


def _overlap(text: str, stop: str) -> int:
    """Give how much of the text's end may be the beginning of the stop sequence."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
