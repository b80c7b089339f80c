"""The stream of a background answer, taken up again (`stream=true&starting_after=N`)."""

from typing import Final

from codexd.fronts.responses import answer
from codexd.fronts.responses.kept import shown
from codexd.neutral.kept import KeptResponse
from codexd.wire.json import decode, encode
from codexd.wire.sse import frame

_END: Final = b"\n\n"
_NUMBER: Final = b'"sequence_number":'


def resumed(frames: bytes, starting_after: int = -1) -> list[bytes]:
    """Give the frames of a kept stream that come after a `sequence_number`; they are read from their end."""
    found = [piece + _END for piece in frames.split(_END)[:-1]]
    first = len(found)
    while first and number(found[first - 1]) > starting_after:
        first -= 1
    return found[first:]


def number(frame: bytes) -> int:
    """Read a frame's `sequence_number`, which codexd writes last."""
    return int(frame.rpartition(_NUMBER)[2].rstrip(b"}\n"))


def closing(kept: KeptResponse, starting_after: int = -1) -> list[bytes]:
    """Give a stream for an answer that is over and of which none was kept: its beginning and its end.

    To a client that had more of the lost one the end comes alone, numbered on.
    """
    whole = shown(kept)
    members = decode(whole)
    begun = members | {"completed_at": None, "error": None, "incomplete_details": None, "usage": None}
    begun["output"] = []
    queued = encode(begun | {"status": "queued"})
    stages = (
        (b"response.created", queued),
        (b"response.queued", queued),
        (b"response.in_progress", encode(begun | {"status": "in_progress"})),
        (answer.terminal(members["status"]), whole),
    )
    frames = [_event(name, snapshot, index) for index, (name, snapshot) in enumerate(stages)]
    last = len(frames) - 1
    if starting_after < last:
        return frames[starting_after + 1 :]
    return [_event(*stages[last], starting_after + 1)]


def _event(name: bytes, snapshot: bytes, index: int) -> bytes:
    return frame(b'{"type":"%b","response":%b,%b%d}' % (name, snapshot, _NUMBER, index), name)
