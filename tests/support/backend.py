"""A back end that says what a test tells it to (a verified fake of IModelBackend)."""

from collections.abc import Callable, Iterator

from attrs import Factory, define
from twisted.internet.defer import Deferred
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.interfaces import IEmbedder, IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, Refused, fault
from codexd.neutral.turn import Turn


@implementer(ITurnHandle)
@define(eq=False)
class FakeTurn:
    """A turn that was begun: the test speaks for the model, and sees what was asked of it.

    Attributes:
        asked: `hold`, `release` and `cancel`, in order.
    """

    turn: Turn
    sink: IEventSink
    ignored: tuple[str, ...] = ()
    asked: list[str] = Factory(list)

    def cancel(self) -> None:
        self.asked.append("cancel")

    def hold(self) -> None:
        self.asked.append("hold")

    def release(self) -> None:
        self.asked.append("release")

    @property
    def cancelled(self) -> bool:
        return "cancel" in self.asked

    def say(self, *events: e.Event) -> None:
        """Give events without flushing, as a timer would."""
        for event in events:
            self.sink.receive(event)

    def tell(self, *events: e.Event) -> None:
        """Give events as one read from the child would."""
        self.say(*events)
        self.sink.flush()


@implementer(IModelBackend, IEmbedder)
class FakeBackend:
    """Begins any turn, unless told otherwise.

    Attributes:
        turns: what was begun.
        refusals: what the next `begin` calls do: a Fault is refused, an exception raised, None begins.
        at_once: events that a turn gives inside `begin`.
        ignored: what every handle says it ignores, beyond the turn's.
        embedding: the embeddings that were asked for: the model, and the body under another name.
        embedded: what comes of them.
    """

    def __init__(self) -> None:
        self.turns: list[FakeTurn] = []
        self.refusals: list[Fault | Exception | None] = []
        self.at_once: tuple[e.Event, ...] = ()
        self.ignored: tuple[str, ...] = ()
        self.cards: tuple[ModelCard, ...] = (
            ModelCard("gpt-5", 1700000000),
            ModelCard("org/m:7b", 1700000001),
        )
        self.is_ready = True
        self.embedding: list[tuple[str, bytes]] = []
        self.embedded: Deferred[bytes] = Deferred()

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        verifyObject(IEventSink, sink)
        refusal = self.refusals.pop(0) if self.refusals else None
        if isinstance(refusal, Fault):
            raise Refused(refusal)
        if refusal is not None:
            raise refusal
        begun = FakeTurn(turn, sink, turn.ignored + self.ignored)
        self.turns.append(begun)
        begun.say(*self.at_once)
        return begun

    def embed(self, model: str, written: Callable[[str], bytes]) -> "Deferred[bytes]":
        if self.refusals and isinstance(refusal := self.refusals.pop(0), Fault):
            raise Refused(refusal)
        self.embedding.append((model, written("its-own-name")))
        return self.embedded

    def models(self) -> tuple[ModelCard, ...]:
        return self.cards

    def ready(self) -> bool:
        return self.is_ready


def hello(*pieces: str) -> tuple[e.Event, ...]:
    """Give a whole answer of one message."""
    return (e.Began(), *message(*pieces), e.UsageReported(USAGE), e.Ended("stop"))


def message(*pieces: str, index: int = 0) -> Iterator[e.Event]:
    """Give one whole message."""
    yield e.MessageOpened(index, f"msg_{index}")
    for piece in pieces or ("Hel", "lo"):
        yield e.TextDelta(index, piece)
    yield e.MessageClosed(index)


USAGE = e.Usage(input_tokens=7, cached_tokens=3, output_tokens=2, reasoning_tokens=1)
BROKEN = fault("model_failed")
