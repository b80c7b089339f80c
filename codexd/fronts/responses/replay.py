"""Replays the stream of a background response (`stream=true&starting_after=N`)."""

from typing import Final

from codexd.fronts.responses import objects
from codexd.fronts.responses.stored import render_stored
from codexd.neutral.stored import StoredResponse
from codexd.wire.json import decode, encode
from codexd.wire.sse import encode_frame

_END: Final = b"\n\n"
_NUMBER: Final = b'"sequence_number":'


def resume_stream(frames: bytes, starting_after: int = -1) -> list[bytes]:
    """Return the frames of a stored stream after a `sequence_number`; it searches from the end."""
    found = [piece + _END for piece in frames.split(_END)[:-1]]
    first = len(found)
    while first and parse_sequence_number(found[first - 1]) > starting_after:
        first -= 1
    return found[first:]


def parse_sequence_number(frame: bytes) -> int:
    """Parse a frame's `sequence_number`, which codexd writes last."""
    return int(frame.rpartition(_NUMBER)[2].rstrip(b"}\n"))


def render_final_stream(stored: StoredResponse, starting_after: int = -1) -> list[bytes]:
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
    frames = [_event(name, snapshot, index) for index, (name, snapshot) in enumerate(stages)]
    last = len(frames) - 1
    if starting_after < last:
        return frames[starting_after + 1 :]
    return [_event(*stages[last], starting_after + 1)]


def _event(name: bytes, snapshot: bytes, index: int) -> bytes:
    return encode_frame(b'{"type":"%b","response":%b,%b%d}' % (name, snapshot, _NUMBER, index), name)
