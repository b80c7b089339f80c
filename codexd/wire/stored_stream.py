"""Encodes the events of a stream as lines `NAME DATA`, the form in which a stream is stored."""

from collections.abc import Iterable


def encode_events(events: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode events. Names contain no space, and neither they nor the data contain a newline (JSON never does)."""
    return b"".join([b"%b %b\n" % event for event in events])


def decode_events(log: bytes) -> list[tuple[bytes, bytes]]:
    """Decode what `encode_events` returned.

    Raises:
        ValueError: when a line has no space.
    """
    events = []
    for line in log.split(b"\n")[:-1]:
        name, data = line.split(b" ", 1)
        events.append((name, data))
    return events
