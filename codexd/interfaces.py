"""Where the rim meets: what a back end offers, what it is given, what it gives back."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from codexd.neutral.event import Event
from codexd.neutral.kept import KeptConversation, KeptItem, KeptResponse, Recalled, Wanted
from codexd.neutral.model import ModelCard as ModelCard
from codexd.neutral.turn import Turn


class IEventSink(Interface):
    """Takes one answer: a grammatical sentence, event by event."""

    def receive(event: Event) -> None:
        """Take the next event. Must not raise and must not call back into the handle."""

    def flush() -> None:
        """Nothing more comes in this turn of the reactor: write what is waiting, in one piece.

        It follows whatever was received outside `begin`, always; nobody else writes it.
        Unlike `receive` it may call back: `hold`, `release` and `cancel` of the handle come from here, and an
        answer that ends may let the same client's next request begin another turn.
        """


class ITurnHandle(Interface):
    """One answer under way."""

    ignored = Attribute("tuple[str, ...]: request fields without effect, of the turn's all not passed on.")

    def cancel() -> None:
        """Nobody wants the rest: stop the model. Nothing reaches the sink after this. Idempotent."""

    def hold() -> None:
        """The reader is too slow: bring no more until `release`. Idempotent."""

    def release() -> None:
        """The reader has caught up. Idempotent."""


class IModelBackend(Interface):
    """Something that answers turns."""

    def begin(turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Start an answer; every outcome, failure included, is told to the sink.

        A failure that comes before `Began` is one the client sees as an HTTP error.

        Raises:
            Refused: when it cannot be started at all: not ready, busy, unknown model.
        """

    def models() -> tuple[ModelCard, ...]:
        """List what is on offer, as last read."""

    def ready() -> bool:
        """Tell whether a turn begun now could run."""


class IEmbedder(Interface):
    """Something that gives embeddings."""

    def embed(model: str, written: Callable[[str], bytes]) -> "Deferred[bytes]":
        """Ask for embeddings; fires with the answer's body, or fails with Refused.

        Raises:
            Refused: `unknown_model`, or `unsupported` for a model that has none.

        Args:
            model: as the client named it.
            written: gives the request's body under another name for the model.
        """


class IResponseStore(Interface):
    """Keeps answers and conversations. What it has acknowledged is still there after a crash.

    Everything belongs to its owner: to anybody else it does not exist. Calls take effect in the order in
    which they were made. A Deferred that fails does so with Refused(`store_failed`).
    """

    def keep(response: KeptResponse, frames: bytes = b"") -> "Deferred[None]":
        """Keep an answer, in the place of what was kept of it before; fires when it is safe.

        When one of a conversation is over its input and output are put at the end of that, once. What it goes
        on from is settled when it is first kept, and may have been deleted since it was recalled.

        Args:
            response: what to keep.
            frames: the whole stream it was, for `stream=true` on a background answer; empty changes nothing.
        """

    def response(owner: str, id: str) -> "Deferred[KeptResponse | None]":
        """Give an answer as it was kept last."""

    def frames(owner: str, id: str) -> "Deferred[bytes]":
        """Give the stream that was kept with an answer; empty if none was."""

    def recall(wanted: Wanted) -> "Deferred[Recalled]":
        """Give what a request goes on from, all of it read at one moment.

        A response's history is all that came before it, its input and its output, also where ancestors were
        deleted since. Calls and thoughts that were cut short are in it as they were kept.
        """

    def input_items(owner: str, id: str) -> "Deferred[tuple[KeptItem, ...] | None]":
        """Give what the model was shown for an answer, oldest first: its history and its own input."""

    def delete(owner: str, id: str) -> "Deferred[bool]":
        """Delete an answer; what goes on from it keeps its history. Tells whether there was one."""

    def unfinished() -> "Deferred[tuple[KeptResponse, ...]]":
        """List the answers of all owners that are not over: after a start, those the last end cut."""

    def converse(conversation: KeptConversation, items: tuple[KeptItem, ...] = ()) -> "Deferred[None]":
        """Keep a conversation, in the place of what was kept of it before, and add items at its end.

        An item whose id is in it already stays where and as it is.
        """

    def amend(conversation: KeptConversation) -> "Deferred[bool]":
        """Keep another body of a conversation, if it is still there. Tells whether it was."""

    def add(owner: str, id: str, items: tuple[KeptItem, ...]) -> "Deferred[bool]":
        """Put items at the end of a conversation, if it is still there. Tells whether it was."""

    def conversation(owner: str, id: str) -> "Deferred[KeptConversation | None]":
        """Give a conversation."""

    def conversation_items(owner: str, id: str) -> "Deferred[tuple[KeptItem, ...] | None]":
        """List a conversation's items, oldest first."""

    def take_out(owner: str, id: str, item: str) -> "Deferred[bool]":
        """Take one item out of a conversation; tells whether it was there."""

    def end_conversation(owner: str, id: str) -> "Deferred[bool]":
        """Delete a conversation; answers that were given in it stay. Tells whether there was one."""

    def prune(before: float, most: int) -> "Deferred[int]":
        """Delete what was made before a Unix time in seconds, and the oldest of what is more than `most`.

        Of conversations it is those that were not used since. Answers that are not over stay, and so do the
        conversations they are given in. Tells how many answers were deleted.
        """
