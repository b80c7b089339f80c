"""Embeddings and forwarded requests that wait in the queue of their upstream, with its turns."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEmbedder, IForwarder, IForwardingHandle, IForwardingReceiver
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.forwarded import ForwardedRequest
from codexd.routing.internal_error import internal_failure
from codexd.routing.relayed_handle import RelayedForwarding
from codexd.routing.turn_queue import QueueEntry, TurnQueue


class RequestBackend(Protocol):
    """An upstream (IEmbedder, IForwarder)."""

    def check_model(self, model: str) -> None:
        """Raise FaultError for a model that it does not have."""

    def embed(self, model: str, encode_body: Callable[[str], bytes], context: RequestContext) -> "Deferred[bytes]":
        """Request embeddings (IEmbedder)."""
        ...

    def forward(
        self, model: str | None, request: ForwardedRequest, context: RequestContext, receiver: IForwardingReceiver
    ) -> IForwardingHandle:
        """Forward a request (IForwarder)."""
        ...


@implementer(IEmbedder, IForwarder)
class QueuedRequests:
    """Lets embeddings and forwarded requests wait that find their upstream full.

    Args:
        backend: the upstream.
        queue: its queue.
    """

    def __init__(self, backend: RequestBackend, queue: TurnQueue) -> None:
        self._backend = backend
        self._queue = queue

    def embed(self, model: str, encode_body: Callable[[str], bytes], context: RequestContext) -> "Deferred[bytes]":
        """Request embeddings (IEmbedder)."""
        if not self._queue.must_wait(context.principal):
            return self._backend.embed(model, encode_body, context)
        self._backend.check_model(model)
        context.record.set_backend(self._queue.name)
        entry = _QueuedEmbedding(
            self._queue, context, len(encode_body(model)), lambda: self._backend.embed(model, encode_body, context)
        )
        self._queue.enter(entry)
        return entry.result

    def forward(
        self, model: str | None, request: ForwardedRequest, context: RequestContext, receiver: IForwardingReceiver
    ) -> IForwardingHandle:
        """Forward a request (IForwarder)."""
        if not self._queue.must_wait(context.principal):
            return self._backend.forward(model, request, context, receiver)
        if model is not None:
            self._backend.check_model(model)
        context.record.set_backend(self._queue.name)
        entry = _QueuedForwarding(
            self._queue, context, request, lambda: self._backend.forward(model, request, context, receiver), receiver
        )
        self._queue.enter(entry)
        return entry


class _QueuedEmbedding(QueueEntry):
    """A request for embeddings; `result` fires as that of the upstream does."""

    def __init__(
        self, queue: TurnQueue, context: RequestContext, size_bytes: int, embed: "Callable[[], Deferred[bytes]]"
    ) -> None:
        super().__init__(queue, context, size_bytes)
        self._embed: Callable[[], Deferred[bytes]] | None = embed
        self._running: Deferred[bytes] | None = None
        self.result: Deferred[bytes] = Deferred(self._cancel)

    def begin(self) -> None:
        """Send it (QueueEntry)."""
        embed, self._embed = self._embed, None
        assert embed is not None
        try:
            self._running = running = embed()
        except FaultError as refused:
            self.result.errback(refused)
        else:
            running.addCallbacks(self.result.callback, self.result.errback)

    def refuse(self, why: Fault) -> None:
        """Fail it (QueueEntry)."""
        self._embed = None
        self.result.errback(FaultError(why))

    def _cancel(self, _: "Deferred[bytes]") -> None:
        if self.leave():
            self._embed = None
        elif self._running is not None:
            self._running.cancel()


class _QueuedForwarding(RelayedForwarding, QueueEntry):
    """A forwarded request: it waits for a slot, then it is the upstream's."""

    def __init__(
        self,
        queue: TurnQueue,
        context: RequestContext,
        request: ForwardedRequest,
        forward: Callable[[], IForwardingHandle],
        receiver: IForwardingReceiver,
    ) -> None:
        RelayedForwarding.__init__(self)
        QueueEntry.__init__(self, queue, context, len(request.body))
        self._forward: Callable[[], IForwardingHandle] | None = forward
        self._receiver = receiver

    def cancel(self) -> None:
        """Leave the queue, or cancel the request (IForwardingHandle)."""
        if self.leave():
            self._forward = None
        super().cancel()

    def begin(self) -> None:
        """Send it (QueueEntry)."""
        forward, self._forward = self._forward, None
        assert forward is not None
        try:
            self.relay_to(forward())
        except FaultError as refused:
            self._receiver.fail(refused.fault)
        except Exception:
            self._receiver.fail(internal_failure(self.queue.needs.metrics.count, self.context.id).fault)

    def refuse(self, why: Fault) -> None:
        """Fail it (QueueEntry)."""
        self._forward = None
        self._receiver.fail(why)
