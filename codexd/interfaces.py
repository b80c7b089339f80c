"""Where the rim meets: what a back end offers, what it is given, what it gives back."""

from zope.interface import Attribute, Interface

from codexd.neutral.event import Event
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

    ignored = Attribute("tuple[str, ...]: request fields this back end accepted without effect.")

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
