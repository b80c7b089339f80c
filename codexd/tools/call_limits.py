"""Limits the calls of a response and the text after them: neutral events to neutral events.

The limits apply to the response as the client sees it, whichever form its calls came in.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from attrs import evolve

from codexd.neutral import event as e
from codexd.neutral.records import frozen
from codexd.tools.numbering import ItemNumbering

StopAfter = Literal["never", "burst", "first"]

_MessageEvent = e.MessageOpened | e.TextDelta | e.RefusalDelta | e.Annotated | e.MessageClosed


@frozen
class CallLimits:
    """The limits of a response with tool calls.

    Attributes:
        max_calls: the number of calls after which the next one ends the response; 0 for no limit.
        stop_after: `first` ends the response with its first call, `burst` with the first text after a call.
        drop_trailing_text: drop the text after the last call; the text between calls stays.
        max_tail_characters: how much text after a call is held until the next call; more is dropped. Only
            `drop_trailing_text` holds text.
    """

    max_calls: int = 0
    stop_after: StopAfter = "never"
    drop_trailing_text: bool = False
    max_tail_characters: int = 2**20


NO_LIMITS: Final = CallLimits()


class CallLimiter:
    """Applies the limits to one response.

    Attributes:
        calls: how many calls were passed on.
        is_closed: whether a limit ended the response; then only open items are finished and no new item is
            passed on.
    """

    def __init__(self, limits: CallLimits = NO_LIMITS) -> None:
        self.calls = 0
        self.is_closed = False
        self._limits = limits
        self._numbering = ItemNumbering()
        self._held: list[_MessageEvent] = []
        self._held_size = 0
        self._all_complete = True

    @property
    def can_interrupt(self) -> bool:
        """Whether nothing the model may still send will be passed on, so that it can be interrupted."""
        return self.is_closed and self._all_complete and not self._numbering.has_open(e.CallOpened)

    def feed(self, event: e.Event) -> list[e.Event]:
        """Process the next event; return the events that are certain now."""
        return _HANDLERS.get(type(event), CallLimiter._renumber)(self, event)

    def finish(self) -> list[e.Event]:
        """End the response as it is. Call this for an interrupted model, once `can_interrupt` is true."""
        return [*self._drop_held(), *self._numbering.close_incomplete(), e.Ended("tool_calls")]

    def _pass(self, event: e.Event) -> list[e.Event]:
        return [event]

    def _renumber(self, event: e.Event) -> list[e.Event]:
        return self._numbering.renumber(event)

    def _open_item(self, event: e.Opened) -> list[e.Event]:
        """Pass on an item; after the end only the state of the model, which the calls need in the next request."""
        is_state = isinstance(event, e.ReasoningOpened) and event.is_state
        return [self._numbering.open(event)] if is_state or not self.is_closed else []

    def _open_call(self, event: e.CallOpened) -> list[e.Event]:
        if self.is_closed or 0 < self._limits.max_calls <= self.calls:
            return self._close()
        events = self._take_held()
        self.calls += 1
        events.append(self._numbering.open(event))
        return events + self._close() if self._limits.stop_after == "first" else events

    def _close_call(self, event: e.CallClosed) -> list[e.Event]:
        closed = self._numbering.renumber(event)
        self._all_complete = self._all_complete and (event.complete or not closed)
        return closed

    def _message(self, event: _MessageEvent) -> list[e.Event]:
        """Pass on an event of a message, or hold it until another call."""
        limits = self._limits
        if self.is_closed:
            return self._pass_if_closing(event)
        if not self.calls or not (limits.drop_trailing_text or limits.stop_after == "burst"):
            return self._pass_message(event)
        if limits.stop_after == "burst" and _has_text(event):
            return self._close() + self._pass_if_closing(event)
        self._hold(event)
        return []

    def _pass_message(self, event: _MessageEvent) -> list[e.Event]:
        if isinstance(event, e.MessageOpened):
            return [self._numbering.open(event)]
        return self._numbering.renumber(event)

    def _pass_if_closing(self, event: _MessageEvent) -> list[e.Event]:
        return self._numbering.renumber(event) if isinstance(event, e.MessageClosed) else []

    def _hold(self, event: _MessageEvent) -> None:
        deltas = e.TextDelta | e.RefusalDelta
        if isinstance(event, deltas):
            self._held_size += len(event.text)
            if not event.text:
                return
            if self._held_size > self._limits.max_tail_characters:
                self._held = [held for held in self._held if not (event.text and isinstance(held, deltas))]
                return
        self._held.append(event)

    def _take_held(self) -> list[e.Event]:
        """Return the held events, because another call follows them."""
        held, self._held, self._held_size = self._held, [], 0
        return [passed for event in held for passed in self._pass_message(event)]

    def _drop_held(self) -> list[e.Event]:
        """Drop the held events, except those that close messages which are already open."""
        held, self._held, self._held_size = self._held, [], 0
        return [closed for event in held for closed in self._pass_if_closing(event)]

    def _close(self) -> list[e.Event]:
        self.is_closed = True
        return self._drop_held()

    def _usage(self, event: e.UsageReported) -> list[e.Event]:
        return [*self._drop_held(), event]

    def _end(self, event: e.Ended) -> list[e.Event]:
        return [*self._drop_held(), evolve(event, finish="tool_calls") if self.can_interrupt else event]

    def _fail(self, event: e.Failed) -> list[e.Event]:
        """Pass on a failure, unless the response is complete without it."""
        return self.finish() if self.can_interrupt else [event]


def _has_text(event: _MessageEvent) -> bool:
    return isinstance(event, e.TextDelta | e.RefusalDelta) and bool(event.text.strip())


_HANDLERS: Final[dict[type, Callable[[CallLimiter, Any], list[e.Event]]]] = {
    e.Began: CallLimiter._pass,
    e.ReasoningOpened: CallLimiter._open_item,
    e.SearchOpened: CallLimiter._open_item,
    e.CallOpened: CallLimiter._open_call,
    e.CallClosed: CallLimiter._close_call,
    e.MessageOpened: CallLimiter._message,
    e.TextDelta: CallLimiter._message,
    e.RefusalDelta: CallLimiter._message,
    e.Annotated: CallLimiter._message,
    e.MessageClosed: CallLimiter._message,
    e.UsageReported: CallLimiter._usage,
    e.Ended: CallLimiter._end,
    e.Failed: CallLimiter._fail,
}
