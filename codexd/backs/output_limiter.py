"""Applies stop sequences and a limit of output tokens, which the app-server does not support.

A message ends before the stop sequence that is complete first (of several complete at once, the longest).
Text that may be the beginning of a stop sequence is held back across deltas, so the cut does not depend on
how the text was split. The limit counts estimated tokens (`codexd.policy.estimate`) of text and visible
reasoning; tool calls are never cut.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.neutral import event as e
from codexd.neutral.turn import JsonText, Sampling
from codexd.policy.estimate import BYTES_PER_TOKEN


class OutputLimiter:
    """Passes on the events of one response up to a stop sequence or the token limit.

    Args:
        sampling: the stop sequences and the limit.
        estimate: returns the Usage for an output of so many UTF-8 bytes.

    Attributes:
        reached: the response was ended here; the model can be stopped.
    """

    def __init__(self, sampling: Sampling, estimate: Callable[[int], e.Usage]) -> None:
        self.reached = False
        self._stops = sampling.stop
        # A stop sequence can be incomplete only if the text ends with one of these characters.
        self._partial_endings = frozenset("".join(stop[:-1] for stop in sampling.stop))
        self._limit_bytes = None if sampling.max_tokens is None else sampling.max_tokens * BYTES_PER_TOKEN
        self._estimate = estimate
        self._size_bytes = 0
        # By item index, in order: the text held back of a message; the event that closes an open item.
        self._held_back: dict[int, str] = {}
        self._open: dict[int, Callable[[int, bool], e.Event]] = {}

    @staticmethod
    def is_needed(sampling: Sampling) -> bool:
        """Return whether there is a stop sequence or a token limit."""
        return bool(sampling.stop) or sampling.max_tokens is not None

    def feed(self, event: e.Event) -> list[e.Event]:
        """Return the events to pass on: the event, cut if needed, after text that was held back."""
        if self.reached:
            return []
        if isinstance(event, e.TextDelta):
            return self._feed_text(event) if event.text else [event]
        if isinstance(event, e.SummaryDelta | e.ThoughtDelta):
            return self._feed_reasoning(event) if event.text else [event]
        released: list[e.Event] = []
        if isinstance(event, e.MessageClosed | e.RefusalDelta):
            # After the end of a message's text no stop sequence can become complete.
            released = self._release(event.index)
        elif isinstance(event, e.Failed):
            released = self._release_all()
        return released if self.reached else [*released, *self._track(event)]

    def _track(self, event: e.Event) -> list[e.Event]:
        closing = _CLOSING_EVENTS.get(type(event))
        if closing is not None:
            self._open[event.index] = closing  # type: ignore[union-attr]
        elif isinstance(event, e.Closed):
            self._open.pop(event.index, None)
        return [event]

    def _feed_text(self, event: e.TextDelta) -> list[e.Event]:
        index = event.index
        text = self._held_back.get(index, "") + event.text
        cut = _find_stop(text, self._stops) if self._stops else None
        if cut is not None:
            self._held_back[index] = ""
            return [*self._emit_text(index, text[:cut]), *self._release_all(), *self._end("stop")]
        if text[-1:] not in self._partial_endings:
            self._held_back[index] = ""
            return self._emit_text(index, text, event.logprobs)
        size = max(_overlap(text, stop) for stop in self._stops)
        self._held_back[index] = text[len(text) - size :]
        return self._emit_text(index, text[: len(text) - size], event.logprobs)

    def _feed_reasoning(self, event: e.SummaryDelta | e.ThoughtDelta) -> list[e.Event]:
        fitting, exceeded = self._fit(event.text)
        events: list[e.Event] = [type(event)(event.index, event.part, fitting)] if fitting else []
        return events + self._end("length") if exceeded else events

    def _release(self, index: int) -> list[e.Event]:
        return self._emit_text(index, self._held_back.pop(index, ""))

    def _release_all(self) -> list[e.Event]:
        return [event for index in sorted(self._held_back) for event in self._release(index)]

    def _emit_text(self, index: int, text: str, logprobs: JsonText | None = None) -> list[e.Event]:
        fitting, exceeded = self._fit(text)
        events: list[e.Event] = [e.TextDelta(index, fitting, logprobs)] if fitting or logprobs else []
        return events + self._end("length") if exceeded else events

    def _fit(self, text: str) -> tuple[str, bool]:
        """Return the part of a text that fits into the limit, and whether the limit was exceeded."""
        if not text:
            return "", False
        data = text.encode()
        left = len(data) if self._limit_bytes is None else self._limit_bytes - self._size_bytes
        fitting = data[:left].decode(errors="ignore") if len(data) > left else text
        self._size_bytes += min(len(data), left)
        return fitting, len(data) > left

    def _end(self, finish: e.Finish) -> list[e.Event]:
        if self.reached:
            return []
        self.reached = True
        complete = finish == "stop"
        closed = [closing(index, complete) for index, closing in self._open.items()]
        return [*closed, e.UsageReported(self._estimate(self._size_bytes)), e.Ended(finish)]


_CLOSING_EVENTS: Final[dict[type, Any]] = {
    e.MessageOpened: lambda index, complete: e.MessageClosed(index, complete),
    e.ReasoningOpened: lambda index, complete: e.ReasoningClosed(index, None, complete),
    e.CallOpened: lambda index, complete: e.CallClosed(index, complete),
    e.SearchOpened: lambda index, complete: e.SearchClosed(index, None, complete),
}


def _find_stop(text: str, stops: tuple[str, ...]) -> int | None:
    """Return where the text must end if it contains a complete stop sequence, else None."""
    ends = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return min(ends)[1] if ends else None


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text may begin the stop sequence."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
