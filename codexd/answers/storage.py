"""How one answer is stored: with its end, or as queued before the model is asked and once more at its end."""

from collections.abc import Callable, Sequence

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred

from codexd.answers.recording import Recording
from codexd.fronts.dialect import ResponseIdentity, StorageEncoder, StreamEvent
from codexd.interfaces import IResponseStore
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.stored import StoredResponse
from codexd.wire.stored_stream import encode_events


class AnswerStorage:
    """Stores one answer.

    Args:
        encoder: encodes what is stored.
        store: of the request.
        identity: of the answer.

    Attributes:
        encoder: as given.
        in_background: the answer is stored as queued before the model is asked.
        accepted: how a background answer was stored as queued.
        stored: how the answer was stored last.
        end_events: the events of a background answer's end, once it was stored.
        attempts: how often the answer was stored with an end, or should have been.
    """

    def __init__(self, encoder: StorageEncoder, store: IResponseStore, identity: ResponseIdentity) -> None:
        self.encoder = encoder
        self.in_background = encoder.background
        self._store = store
        self._identity = identity
        self.accepted = self.stored = encoder.encode(Reply(), identity, "queued") if encoder.background else None
        self.end_events: Sequence[StreamEvent] = ()
        self.attempts = 0

    def save_queued(self) -> Deferred[None]:
        """Store a background answer as queued."""
        assert self.stored is not None
        return maybeDeferred(self._store.save_response, self.stored)

    def save_end(
        self, fold: Fold, recording: Recording, encode_end: Callable[[], Sequence[StreamEvent]]
    ) -> Deferred[None]:
        """Store the answer with its end; a background answer with its stream, which `encode_end` completes."""
        self.attempts += 1
        return maybeDeferred(self._save_end, fold, recording, encode_end)

    def _save_end(
        self, fold: Fold, recording: Recording, encode_end: Callable[[], Sequence[StreamEvent]]
    ) -> Deferred[None]:
        stream = b""
        if self.in_background:
            self.end_events = ()  # those of the attempt before, if encoding fails now
            self.end_events = encode_end()
            stream = encode_events((*recording.read(0), *self.end_events))
        self.stored = self.encoder.encode(fold.build_reply(), self._identity, "over")
        return self._store.save_response(self.stored, stream)

    def snapshot(self, fold: Fold, begun: bool) -> StoredResponse:
        """Return a background answer as it stands, without an end."""
        running = evolve(fold.build_reply(), finish=None, fault=None)
        return self.encoder.encode(running, self._identity, "running" if begun else "queued")
