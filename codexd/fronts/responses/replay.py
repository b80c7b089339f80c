"""Replays the stream of a background response (`stream=true&starting_after=N`)."""

from collections.abc import Sequence

from codexd.fronts.dialect import StreamEvent
from codexd.fronts.responses import objects
from codexd.fronts.responses.stored import render_stored
from codexd.neutral.stored import StoredResponse
from codexd.wire.json import decode, encode


def resume_position(events: Sequence[StreamEvent], starting_after: int = -1) -> int:
    """Return the index in a stream of the first event after a `sequence_number`; its length if there is none.

    Events are numbered from 0 without gaps, so an event's number is its index.
    """
    return min(starting_after + 1, len(events))


def render_final_stream(stored: StoredResponse, starting_after: int = -1) -> list[StreamEvent]:
    """Render a stream for a finished response whose stream was not stored: its beginning and its end.

    A client that has received more of the lost stream gets only the end, with the next number.
    """
    whole = render_stored(stored)
    members = decode(whole)
    begun = members | {"completed_at": None, "error": None, "incomplete_details": None, "usage": None}
    begun["output"] = []
    queued = encode(begun | {"status": "queued"})
    stages = (
        (b"response.created", queued),
        (b"response.queued", queued),
        (b"response.in_progress", encode(begun | {"status": "in_progress"})),
        (objects.terminal_event_name(members["status"]), whole),
    )
    events = [_event(name, snapshot, index) for index, (name, snapshot) in enumerate(stages)]
    last = len(events) - 1
    if starting_after < last:
        return events[starting_after + 1 :]
    return [_event(*stages[last], starting_after + 1)]


def _event(name: bytes, snapshot: bytes, index: int) -> StreamEvent:
    return name, b'{"type":"%b","response":%b,"sequence_number":%d}' % (name, snapshot, index)
