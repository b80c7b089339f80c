"""What to do about a reader slower than the model: hold the model a moment, then let the reader go.

Frames wait only while the reader's transport takes none. The model's pipe is shared, so it may be held for
one reader only briefly: the others wait too.
"""

from typing import Literal

from attrs import evolve, frozen

Act = Literal["go", "hold", "release", "cut"]


@frozen
class Limits:
    """How much patience a reader gets.

    Attributes:
        queue_bytes: may wait; beyond it the model is held, and at half of it let go again.
        hold_seconds: the model may be held for this reader.
        stall_seconds: this reader may take nothing while something waits.
    """

    queue_bytes: int
    hold_seconds: float
    stall_seconds: float


@frozen
class Reader:
    """How one reader stands.

    Attributes:
        waiting_bytes: written for it and not yet taken.
        waiting_since: when it last took something, or when the first byte began to wait; None: nothing waits.
        held_since: since when the model is held for it; None: it is not.
        ended: the model has said everything: there is nothing left to hold.
    """

    waiting_bytes: int = 0
    waiting_since: float | None = None
    held_since: float | None = None
    ended: bool = False


def queued(reader: Reader, size_bytes: int, now: float) -> Reader:
    """Note that more waits for the reader."""
    since = now if reader.waiting_since is None else reader.waiting_since
    return evolve(reader, waiting_bytes=reader.waiting_bytes + size_bytes, waiting_since=since)


def taken(reader: Reader, size_bytes: int, now: float) -> Reader:
    """Note that the reader took some of what waits."""
    left = reader.waiting_bytes - size_bytes
    return evolve(reader, waiting_bytes=left, waiting_since=now if left else None)


def ended(reader: Reader) -> Reader:
    """Note that nothing more will come than what waits."""
    return evolve(reader, ended=True)


def judge(reader: Reader, limits: Limits, now: float) -> tuple[Reader, Act]:
    """Decide what to do now, and give the reader as it stands once that is done."""
    again = look_again(reader, limits)
    if reader.held_since is not None and (reader.ended or reader.waiting_bytes <= limits.queue_bytes // 2):
        return evolve(reader, held_since=None), "release"
    if again is not None and now >= again:
        return reader, "cut"
    full = reader.waiting_bytes > limits.queue_bytes and not reader.ended
    if full and reader.held_since is None:
        return evolve(reader, held_since=now), "hold"
    return reader, "go"


def look_again(reader: Reader, limits: Limits) -> float | None:
    """Give the time at which the reader is to be cut unless something changes; None: never."""
    ends = [
        since + seconds
        for since, seconds in (
            (reader.waiting_since, limits.stall_seconds),
            (reader.held_since, limits.hold_seconds),
        )
        if since is not None
    ]
    return min(ends, default=None)
