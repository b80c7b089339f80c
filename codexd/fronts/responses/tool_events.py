"""The Responses stream with additional events for tool calls (compatibility mode `tool-events`).

Each follows the standard events of the same content: `response.output_tool_call.begin`, `.delta` and `.end`
for each call, `response.done` after the terminal event. All are numbered in the one sequence.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.fronts.dialect import ResponseIdentity, StreamEvent
from codexd.fronts.responses.objects import Echo
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.neutral import event as e
from codexd.neutral.reply import Fold
from codexd.neutral.turn import ToolCall
from codexd.wire.json import encode

_CALL: Final = b"response.output_tool_call."


class ToolEventsEncoder(ResponsesEncoder):
    """Encodes one streamed Response with the additional events (`codexd.fronts.dialect.Encoder`)."""

    def __init__(self, identity: ResponseIdentity, echo: Echo, fold: Fold) -> None:
        super().__init__(identity, echo, fold)
        self._calls: dict[int, bytes] = {}

    def feed(self, event: e.Event, choice: int = 0) -> list[StreamEvent]:
        """Return the stream events of this event."""
        written = super().feed(event, choice)
        extra = _EXTRA_EVENTS.get(type(event))
        return written if extra is None else written + extra(self, event)

    def _begin(self, event: e.CallOpened) -> list[StreamEvent]:
        head = {
            "response_id": f"resp_{self._identity.token}",
            "output_index": event.index,
            "item_id": event.id,
            "call_id": event.call_id,
            "name": event.name,
        }
        named = head if event.namespace is None else head | {"namespace": event.namespace}
        self._calls[event.index] = b"," + encode(named)[1:-1]
        return [self._call_event(b"begin", event.index)]

    def _call_delta(self, event: e.CallDelta) -> list[StreamEvent]:
        return [self._call_event(b"delta", event.index, b',"delta":' + encode(event.text))]

    def _end(self, event: e.CallClosed) -> list[StreamEvent]:
        # An incomplete call has no end event, so that no client runs it.
        if not event.complete:
            return []
        call = self._fold.build_item(event.index)
        assert isinstance(call, ToolCall), "a call is what was closed"
        return [self._call_event(b"end", event.index, b',"arguments":' + encode(call.arguments))]

    def _call_event(self, stage: bytes, index: int, more: bytes = b"") -> StreamEvent:
        return self._event(_CALL + stage, self._calls[index] + more)

    def _done(self, event: e.Ended | e.Failed) -> list[StreamEvent]:
        return [self._lifecycle(b"response.done", self._fold.build_reply())]


_EXTRA_EVENTS: Final[dict[type, Callable[[ToolEventsEncoder, Any], list[StreamEvent]]]] = {
    e.CallOpened: ToolEventsEncoder._begin,
    e.CallDelta: ToolEventsEncoder._call_delta,
    e.CallClosed: ToolEventsEncoder._end,
    e.Ended: ToolEventsEncoder._done,
    e.Failed: ToolEventsEncoder._done,
}


def build_encoder(identity: ResponseIdentity, echo: Echo, fold: Fold, tool_events: bool) -> ResponsesEncoder:
    """Build the encoder of a streamed Response, with or without the additional events."""
    return (ToolEventsEncoder if tool_events else ResponsesEncoder)(identity, echo, fold)
