"""A verified fake of `IModelBackend`, `IEmbedder` and `IForwarder`: tests emit the events of its turns."""

from collections.abc import Callable, Iterator

from attrs import Factory, define
from twisted.internet.defer import Deferred
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.context import RequestContext
from codexd.interfaces import (
    IEmbedder,
    IEventSink,
    IForwarder,
    IForwardingHandle,
    IForwardingReceiver,
    IModelBackend,
    ITurnHandle,
    ModelCard,
)
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.forwarded import ForwardedHead, ForwardedRequest
from codexd.neutral.login_state import LoginState
from codexd.neutral.turn import Turn


@implementer(ITurnHandle)
@define(eq=False, kw_only=True)
class FakeTurn:
    """A turn that was begun on a fake back end.

    Attributes:
        actions: the calls of the handle, in order: `pause`, `resume` and `cancel`.
    """

    turn: Turn
    context: RequestContext
    sink: IEventSink
    ignored: tuple[str, ...] = ()
    actions: list[str] = Factory(list)

    def cancel(self) -> None:
        self.actions.append("cancel")

    def pause(self) -> None:
        self.actions.append("pause")

    def resume(self) -> None:
        self.actions.append("resume")

    @property
    def cancelled(self) -> bool:
        return "cancel" in self.actions

    def emit_unsettled(self, *events: e.Event) -> None:
        """Emit events without ending the reactor iteration."""
        for event in events:
            self.sink.receive(event)

    def emit(self, *events: e.Event) -> None:
        """Emit events and end the reactor iteration, as one read from a child does."""
        self.emit_unsettled(*events)
        self.sink.settle()


@implementer(IForwardingHandle)
@define(eq=False, kw_only=True)
class FakeForwarding:
    """A request that was forwarded to a fake back end.

    Attributes:
        actions: the calls of the handle, in order: `pause`, `resume` and `cancel`.
    """

    model: str | None
    request: ForwardedRequest
    context: RequestContext
    receiver: IForwardingReceiver
    actions: list[str] = Factory(list)

    def cancel(self) -> None:
        self.actions.append("cancel")

    def pause(self) -> None:
        self.actions.append("pause")

    def resume(self) -> None:
        self.actions.append("resume")

    def respond(self, *pieces: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Begin a response and send these pieces of its body."""
        self.receiver.open(ForwardedHead(200, headers))
        for piece in pieces:
            self.receiver.write(piece)


@implementer(IModelBackend, IEmbedder, IForwarder)
class FakeBackend:
    """Begins every turn, except as `begin_errors` says.

    Attributes:
        turns: the turns begun so far.
        begin_errors: one entry for each of the next calls that begin something: raise this Fault or exception;
            None begins.
        immediate_events: emitted inside `begin`.
        ignored: the parameters that every handle reports as ignored, besides the turn's own.
        cards: the models.
        is_ready: the result of `ready`.
        embedding: the embedding requests: the model, and the body with the upstream's model name.
        embed_contexts: the contexts of the embedding requests.
        embedded: the result of `embed`.
        forwarded: the forwarded requests.
    """

    def __init__(self) -> None:
        self.turns: list[FakeTurn] = []
        self.begin_errors: list[Fault | Exception | None] = []
        self.immediate_events: tuple[e.Event, ...] = ()
        self.ignored: tuple[str, ...] = ()
        self.cards: tuple[ModelCard, ...] = (
            ModelCard(id="gpt-5", created=1700000000),
            ModelCard(id="org/m:7b", created=1700000001),
        )
        self.is_ready = True
        self.accounts: dict[str, LoginState] = {}
        self.embedding: list[tuple[str, bytes]] = []
        self.embed_contexts: list[RequestContext] = []
        self.embedded: Deferred[bytes] = Deferred()
        self.forwarded: list[FakeForwarding] = []

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        verifyObject(IEventSink, sink)
        refusal = self.begin_errors.pop(0) if self.begin_errors else None
        if isinstance(refusal, Fault):
            raise FaultError(refusal)
        if refusal is not None:
            raise refusal
        begun = FakeTurn(turn=turn, context=context, sink=sink, ignored=turn.ignored + self.ignored)
        self.turns.append(begun)
        begun.emit_unsettled(*self.immediate_events)
        return begun

    def embed(self, model: str, encode_body: Callable[[str], bytes], context: RequestContext) -> "Deferred[bytes]":
        if self.begin_errors and isinstance(refusal := self.begin_errors.pop(0), Fault):
            raise FaultError(refusal)
        self.embed_contexts.append(context)
        self.embedding.append((model, encode_body("its-own-name")))
        return self.embedded

    def forward(
        self, model: str | None, request: ForwardedRequest, context: RequestContext, receiver: IForwardingReceiver
    ) -> IForwardingHandle:
        verifyObject(IForwardingReceiver, receiver)
        if self.begin_errors and isinstance(refusal := self.begin_errors.pop(0), Fault):
            raise FaultError(refusal)
        forwarding = FakeForwarding(model=model, request=request, context=context, receiver=receiver)
        self.forwarded.append(forwarding)
        return forwarding

    def models(self) -> tuple[ModelCard, ...]:
        return self.cards

    def ready(self) -> bool:
        return self.is_ready


def text_answer(*pieces: str) -> tuple[e.Event, ...]:
    """Return the events of a whole answer with one message."""
    return (e.Began(), *message(*pieces), e.UsageReported(USAGE), e.Ended("stop"))


def message(*pieces: str, index: int = 0) -> Iterator[e.Event]:
    """Yield the events of one message."""
    yield e.MessageOpened(index, f"msg_{index}")
    for piece in pieces or ("Hel", "lo"):
        yield e.TextDelta(index, piece)
    yield e.MessageClosed(index)


USAGE = e.Usage(input_tokens=7, cached_tokens=3, output_tokens=2, reasoning_tokens=1)
MODEL_FAILED = fault("model_failed")
BEGINNING = (e.Began(), e.MessageOpened(0, "msg_0"), e.TextDelta(0, "Hel"))
REST = (e.TextDelta(0, "lo"), e.MessageClosed(0), e.UsageReported(USAGE), e.Ended("stop"))
"""The rest of an answer after `BEGINNING`."""
