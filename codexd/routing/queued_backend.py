"""A back end with a queue in front of it."""

from functools import partial
from typing import Any

from zope.interface import implementer

from codexd.context import RequestContext
from codexd.empty_turn import EmptyTurn
from codexd.interfaces import IEventSink, ILimitedBackend, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.fault import FaultError
from codexd.neutral.turn import ToolResult, Turn
from codexd.policy.turn_size import turn_size_bytes
from codexd.routing.turn_queue import Begin, QueueDependencies, QueuedTurn, TurnQueue
from codexd.settings import Queue


@implementer(IModelBackend)
class QueuedBackend:
    """Wraps a back end: turns that find it full wait, and principals are served in turn.

    A turn that continues a suspended one never waits: the child works on it already, and it needs no new slot. While
    the back end can run nothing at all, turns are refused as without a queue; those that wait already stay.

    Args:
        name: of the back end, in metrics.
        backend: the wrapped back end.
        needs: shared by all queues.
    """

    def __init__(self, name: str, backend: ILimitedBackend, needs: QueueDependencies) -> None:
        self._name = name
        self._backend = backend
        self._needs = needs
        self._queues: dict[str, TurnQueue] = {}
        needs.metrics.watch_queue(name, lambda: self.length, self._size_bytes)

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response, or let it wait (IModelBackend)."""
        return self._begin_or_wait(turn, context, sink, self._backend.begin)

    def prepare(self, turn: Turn) -> Any:
        """Compute what beginning a turn needs (ILimitedBackend)."""
        return self._backend.prepare(turn)

    def begin_prepared(self, turn: Turn, context: RequestContext, sink: IEventSink, prepared: Any) -> ITurnHandle:
        """Start a prepared response, or let it wait (ILimitedBackend)."""
        return self._begin_or_wait(turn, context, sink, partial(self._backend.begin_prepared, prepared=prepared))

    def _begin_or_wait(self, turn: Turn, context: RequestContext, sink: IEventSink, begin: Begin) -> ITurnHandle:
        group = self._backend.slot_group(turn)
        queue = self.queue(group)
        if not queue.must_wait(context.principal) or self._backend.slot_state(group) == "down":
            return begin(turn, context, sink)
        context.record.set_backend(self._name)
        self._backend.check(turn)
        if self._needs_no_slot(turn):
            try:
                return begin(turn, context, sink)
            except FaultError as refused:  # the suspended turn cannot be continued after all
                if refused.fault.kind != "busy":
                    raise
        entry = QueuedTurn(queue, begin, turn, context, sink)
        queue.enter(entry)
        return entry

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of the wrapped back end (IModelBackend)."""
        return self._backend.models()

    def ready(self) -> bool:
        """Return whether a turn that begins now could run, at once or after a wait (IModelBackend)."""
        return self._backend.ready()

    def must_wait(self, turn: Turn) -> bool:
        """Return whether a turn that begins now would wait."""
        group = self._backend.slot_group(turn)
        waits = self.queue(group).must_wait(turn.principal) and self._backend.slot_state(group) != "down"
        return waits and not self._needs_no_slot(turn)

    def check(self, turn: Turn) -> None:
        """Refuse a turn that `begin` would refuse whatever its history is.

        Raises:
            FaultError: as `ILimitedBackend.check`, or `busy`.
        """
        self._backend.check(turn)
        if self.must_wait(turn):
            self.queue(self._backend.slot_group(turn)).check(turn.principal, turn_size_bytes(turn))

    def apply(self, settings: Queue) -> None:
        """Use other limits for what comes from now on."""
        for queue in self._queues.values():
            queue.apply(settings)

    def drain(self) -> None:
        """Refuse the turns that wait: the daemon stops."""
        for queue in self._queues.values():
            queue.drain()

    def queue(self, group: str) -> TurnQueue:
        """Return the queue of a group of slots."""
        queue = self._queues.get(group)
        if queue is None:
            queue = self._queues[group] = TurnQueue(self._name, self._needs, lambda: self._backend.slot_state(group))
        return queue

    def _needs_no_slot(self, turn: Turn) -> bool:
        """Return whether a turn begins also if all slots are taken."""
        if EmptyTurn.is_needed(turn):
            return True
        return bool(turn.items) and isinstance(turn.items[-1], ToolResult) and self._backend.continues(turn)

    @property
    def length(self) -> int:
        """The number of requests that wait."""
        return sum(len(queue) for queue in self._queues.values())

    def _size_bytes(self) -> int:
        return sum(queue.size_bytes for queue in self._queues.values())
