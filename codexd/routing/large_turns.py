"""Prepares the turns of large requests in a thread: fingerprints and encoding take long for a long history."""

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.decode_thread import RunInThread
from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.event import Event, Failed
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import Turn
from codexd.routing.internal_error import internal_failure
from codexd.routing.relayed_handle import RelayedHandle


class PreparableBackend(Protocol):
    """A back end whose `begin` is `begin_prepared(turn, context, sink, prepare(turn))`."""

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response (IModelBackend)."""
        ...

    def prepare(self, turn: Turn) -> Any:
        """Compute what beginning a turn needs; pure, as it may run in a thread; raises FaultError."""
        ...

    def begin_prepared(self, turn: Turn, context: RequestContext, sink: IEventSink, prepared: Any) -> ITurnHandle:
        """Start a response, as `IModelBackend.begin` does."""
        ...

    def check(self, turn: Turn) -> None:
        """Refuse a turn that cannot begin now, whatever its history is; raises FaultError."""

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models on offer (IModelBackend)."""
        ...

    def ready(self) -> bool:
        """Return whether a turn that begins now could run (IModelBackend)."""
        ...


@implementer(IModelBackend)
class LargeTurnBackend:
    """Wraps a back end; the turns of small requests begin at once.

    Args:
        backend: the wrapped back end.
        run_in_thread: runs the preparation.
        count: counts an entry of `codexd.observe.metric_tables.COUNTERS`.
    """

    def __init__(self, backend: PreparableBackend, run_in_thread: RunInThread, count: Callable[[str], None]) -> None:
        self._backend = backend
        self._run_in_thread = run_in_thread
        self._count = count

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response, once its turn is prepared (IModelBackend)."""
        if not context.is_large:
            return self._backend.begin(turn, context, sink)
        self._backend.check(turn)
        handle = LargeTurn(self._backend, turn, context, sink, self._count)
        handle.start(self._run_in_thread)
        return handle

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of the wrapped back end (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Return whether a turn that begins now could run (IModelBackend)."""
        return self._backend.ready()


class LargeTurn(RelayedHandle):
    """One turn: it waits for its preparation, then it is the turn of the back end.

    Args:
        backend: the back end.
        turn: the turn.
        context: of its request.
        sink: receives its events.
        count: counts an entry of `codexd.observe.metric_tables.COUNTERS`.
    """

    def __init__(
        self,
        backend: PreparableBackend,
        turn: Turn,
        context: RequestContext,
        sink: IEventSink,
        count: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._backend = backend
        self._turn = turn
        self._context = context
        self._sink = sink
        self._count = count
        self._preparing: Deferred[None] | None = None

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields without effect (ITurnHandle)."""
        return self._turn.ignored if self._handle is None else tuple(self._handle.ignored)

    def start(self, run_in_thread: RunInThread) -> None:
        """Start the preparation."""
        self._preparing = Deferred.fromCoroutine(self._run(run_in_thread))

    def cancel(self) -> None:
        """Cancel the turn, or its preparation, which then is dropped if it has not begun (ITurnHandle)."""
        super().cancel()
        if self._preparing is not None:
            self._preparing.cancel()

    async def _run(self, run_in_thread: RunInThread) -> None:
        event: Event | None = None
        try:
            prepared = await run_in_thread(lambda: self._backend.prepare(self._turn))
            if not self.cancelled:
                begun = self._backend.begin_prepared(self._turn, self._context, self._sink, prepared)
                self.relay_to(begun)
        except CancelledError:
            return
        except FaultError as failed:
            event = Failed(failed.fault)
        except Exception:
            event = internal_failure(self._count, self._context.id)
        if event is not None and not self.cancelled:
            self._sink.receive(event)
            self._sink.settle()
