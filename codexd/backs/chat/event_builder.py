"""Builds a grammatical sequence of events for one Chat response: one open item at a time, except for calls.

Calls may be open side by side. Reasoning ends where text or a call begins; a message ends where reasoning or
a call begins. Later text starts a new item, so that items are in the order of their output. No event follows
the end.
"""

from typing import Literal

from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.turn import CallKind, JsonText

_OpenItem = Literal["nothing", "message", "refusal", "reasoning"]


class ChatEventBuilder:
    """Builds the events of one response. Every method returns the events to emit now.

    Args:
        token: identifies the response in the ids of its items.
        summarise: reasoning is shown as a summary, because the client requests one.

    Attributes:
        ended: the last event was emitted, or the builder was stopped.
        began: an event was emitted.
        size_bytes: the size of all output so far in UTF-8, with reasoning and calls.
    """

    def __init__(self, token: str, summarise: bool = False) -> None:
        self.ended = False
        self.began = False
        self.size_bytes = 0
        self._token = token
        self._reasoning_delta = e.SummaryDelta if summarise else e.ThoughtDelta
        self._item_count = 0
        self._open: _OpenItem = "nothing"
        self._index = -1
        self._pending_logprobs: list[JsonText] = []

    def begin(self) -> list[e.Event]:
        """Begin the response, once."""
        if self.began or self.ended:
            return []
        self.began = True
        return [e.Began()]

    def add_text(self, text: str, logprobs: JsonText | None = None) -> list[e.Event]:
        """Add text to the message; the hot path.

        Log probabilities without a text do not open a message. They belong to the next text, unless reasoning
        or a call comes before it: then they were those of a marker such as `<think>`.
        """
        if self.ended or not (text or logprobs):
            return []
        events: list[e.Event] = []
        if self._open != "message":
            if logprobs and not text:
                self._pending_logprobs.append(logprobs)
                return []
            pending = self._pending_logprobs
            events = self._open_item("message")
            events += [e.TextDelta(self._index, "", one) for one in pending]
        self.size_bytes += len(text.encode())
        events.append(e.TextDelta(self._index, text, logprobs))
        return events

    def add_refusal(self, text: str) -> list[e.Event]:
        """Add refusal text to the message, which accepts no other text after it."""
        if self.ended or not text:
            return []
        events = [] if self._open in ("message", "refusal") else self._open_item("message")
        self._open = "refusal"
        self.size_bytes += len(text.encode())
        return [*events, e.RefusalDelta(self._index, text)]

    def add_reasoning(self, text: str) -> list[e.Event]:
        """Add reasoning text."""
        if self.ended or not text:
            return []
        events = [] if self._open == "reasoning" else self._open_item("reasoning")
        self.size_bytes += len(text.encode())
        return [*events, self._reasoning_delta(self._index, 0, text)]

    def annotate(self, annotation: JsonText) -> list[e.Event]:
        """Annotate the open message; an annotation without an open message is dropped."""
        if self.ended or self._open != "message":
            return []
        return [e.Annotated(self._index, annotation)]

    def open_call(
        self, call_id: str, name: str, kind: CallKind, namespace: str | None, state: JsonText | None = None
    ) -> tuple[int, list[e.Event]]:
        """Open a call; return its item index, by which arguments are added and the call is closed."""
        events, index = self._close(complete=True), self._next_index()
        self._pending_logprobs = []
        id = f"fc_{self._token}{index:04x}"
        return index, [
            *self.begin(),
            *events,
            e.CallOpened(index=index, id=id, call_id=call_id, name=name, kind=kind, namespace=namespace, state=state),
        ]

    def add_arguments(self, index: int, text: str) -> list[e.Event]:
        """Add text to the arguments of an open call."""
        if not text:
            return []
        self.size_bytes += len(text.encode())
        return [e.CallDelta(index, text)]

    def close_item(self) -> list[e.Event]:
        """Close the open message or reasoning item as complete."""
        return [] if self.ended else self._close(complete=True)

    def add_state(self, state: str, complete: bool) -> list[e.Event]:
        """Add the state of the model as a reasoning item; calls may be open, but nothing else follows.

        Args:
            state: the state, encoded (`codexd.wire.provider_state`).
            complete: whether the open message is complete.
        """
        if self.ended:
            return []
        events, index = self._close(complete), self._next_index()
        opened = e.ReasoningOpened(index, f"rs_{self._token}{index:04x}", is_state=True)
        return [*self.begin(), *events, opened, e.ReasoningClosed(index, state)]

    def end(self, finish: e.Finish, usage: e.Usage) -> list[e.Event]:
        """End the response; every call must be closed."""
        if self.ended:
            return []
        events = [*self.begin(), *self._close(complete=finish not in ("length", "content_filter"))]
        self.stop()
        return [*events, e.UsageReported(usage), e.Ended(finish)]

    def fail(self, fault: Fault) -> list[e.Event]:
        """End the response with a failure."""
        if self.ended:
            return []
        self.stop()
        return [e.Failed(fault)]

    def stop(self) -> None:
        """Emit no more events."""
        self.ended = True

    def _open_item(self, kind: Literal["message", "reasoning"]) -> list[e.Event]:
        events, index = self._close(complete=True), self._next_index()
        self._open, self._index, self._pending_logprobs = kind, index, []
        opened: e.Event
        if kind == "message":
            opened = e.MessageOpened(index, f"msg_{self._token}{index:04x}")
        else:
            opened = e.ReasoningOpened(index, f"rs_{self._token}{index:04x}")
        return [*self.begin(), *events, opened]

    def _close(self, complete: bool) -> list[e.Event]:
        kind, self._open = self._open, "nothing"
        if kind == "nothing":
            return []
        if kind == "reasoning":
            return [e.ReasoningClosed(self._index, None, complete)]
        return [e.MessageClosed(self._index, complete)]

    def _next_index(self) -> int:
        index, self._item_count = self._item_count, self._item_count + 1
        return index
