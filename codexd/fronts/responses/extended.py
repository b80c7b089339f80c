"""The Responses stream with further events for tool calls (compatibility mode `tool-events`).

Each comes right after the standard events that say the same: `response.output_tool_call.begin`, `.delta` and
`.end` for each call, `response.done` after the terminal event. All are numbered in the one sequence.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.fronts.exchange import Stamp
from codexd.fronts.responses.answer import Echo
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.neutral import event as e
from codexd.neutral.turn import ToolCall
from codexd.wire.json import encode

_CALL: Final = b"response.output_tool_call."


class ExtendedEncoder(ResponsesEncoder):
    """Writes one streamed Response, and beside it what the mode adds (`codexd.fronts.exchange.Encoder`)."""

    def __init__(self, stamp: Stamp, echo: Echo) -> None:
        super().__init__(stamp, echo)
        self._calls: dict[int, bytes] = {}

    def feed(self, event: e.Event, choice: int = 0) -> list[bytes]:
        """Give the frames this event amounts to, one an element."""
        frames = super().feed(event, choice)
        beside = _BESIDE.get(type(event))
        return frames if beside is None else frames + beside(self, event)

    def _begin(self, event: e.CallOpened) -> list[bytes]:
        head = {
            "response_id": f"resp_{self._stamp.token}",
            "output_index": event.index,
            "item_id": event.id,
            "call_id": event.call_id,
            "name": event.name,
        }
        named = head if event.namespace is None else head | {"namespace": event.namespace}
        self._calls[event.index] = b"," + encode(named)[1:-1]
        return [self._told(b"begin", event.index)]

    def _delta(self, event: e.CallDelta) -> list[bytes]:
        return [self._told(b"delta", event.index, b',"delta":' + encode(event.text))]

    def _end(self, event: e.CallClosed) -> list[bytes]:
        # A call that was cut short has no end: nobody is to run it.
        if not event.complete:
            return []
        call = self._fold.item(event.index)
        assert isinstance(call, ToolCall), "a call is what was closed"
        return [self._told(b"end", event.index, b',"arguments":' + encode(call.arguments))]

    def _told(self, stage: bytes, index: int, more: bytes = b"") -> bytes:
        return self._event(_CALL + stage, self._calls[index] + more)

    def _done(self, event: e.Ended | e.Failed) -> list[bytes]:
        return [self._lifecycle(b"response.done", self._fold.reply())]


_BESIDE: Final[dict[type, Callable[[ExtendedEncoder, Any], list[bytes]]]] = {
    e.CallOpened: ExtendedEncoder._begin,
    e.CallDelta: ExtendedEncoder._delta,
    e.CallClosed: ExtendedEncoder._end,
    e.Ended: ExtendedEncoder._done,
    e.Failed: ExtendedEncoder._done,
}


def encoder(stamp: Stamp, echo: Echo, extended: bool) -> ResponsesEncoder:
    """Make the writer of a streamed Response, with the further events or without."""
    return (ExtendedEncoder if extended else ResponsesEncoder)(stamp, echo)
