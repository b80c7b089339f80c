"""Server-sent events of encoders, framed as an SSE writer does."""

from collections.abc import Iterable

from codexd.fronts.dialect import Dialect, Encoder, StreamEvent
from codexd.neutral import event as e
from codexd.wire import sse


def framed(events: Iterable[StreamEvent]) -> bytes:
    """Frame stream events."""
    return b"".join(sse.encode_frame(data, name or None) for name, data in events)


def encode_stream(dialect: Dialect, encoder: Encoder, events: Iterable[tuple[int, e.Event]], choices: int = 1) -> bytes:
    """Return the stream of these events, each of its choice, to the dialect's last data."""
    stream, open_choices, failed = b"", choices, False
    for choice, event in events:
        stream += framed(encoder.feed(event, choice))
        failed = failed or isinstance(event, e.Failed)
        if isinstance(event, e.Ended):
            open_choices -= 1
            if dialect.done and not open_choices and not failed:
                stream += sse.encode_frame(dialect.done)
    return stream
