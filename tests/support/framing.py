"""Encoders as an answer uses them, and their events framed as an SSE writer does."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from codexd.fronts.dialect import Dialect, Encoder, ResponseIdentity, StreamEvent
from codexd.neutral import event as e
from codexd.neutral.reply import Fold
from codexd.wire import sse


def framed(events: Iterable[StreamEvent]) -> bytes:
    """Frame stream events."""
    return b"".join(map(sse.encode_event, events))


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


class FoldingEncoder:
    """An encoder with the folds it reads: feeds both (`codexd.fronts.dialect.QueuedEncoder`)."""

    def __init__(self, build: Callable[[Sequence[Fold]], Any], choices: int = 1) -> None:
        self._folds = tuple(Fold() for _ in range(choices))
        self._encoder = build(self._folds)

    def feed(self, event: e.Event, choice: int = 0) -> list[StreamEvent]:
        self._folds[choice].feed(event)
        events: list[StreamEvent] = self._encoder.feed(event, choice)
        return events

    def keep_alive(self) -> StreamEvent | None:
        keepalive: StreamEvent | None = self._encoder.keep_alive()
        return keepalive

    def queued(self) -> list[StreamEvent]:
        queued: list[StreamEvent] = self._encoder.queued()
        return queued


def build_folding_encoder(source: Any, identity: ResponseIdentity) -> FoldingEncoder:
    """Build the encoder of a decoded request or of a storage encoder, with its folds."""
    choices = len(getattr(source, "turns", "1"))
    return FoldingEncoder(lambda folds: source.build_encoder(identity, folds), choices)
