"""The queue in front of a limited number of slots: who finds them taken waits, and principals are served in turn."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol

from attrs import define
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEventSink, ITurnHandle, SlotState
from codexd.neutral.event import Failed
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.policy.completion_rate import CompletionRate, retry_after_seconds
from codexd.policy.fair_queue import FairQueue, QueueLimits
from codexd.policy.slot_ledger import SlotLedger
from codexd.policy.turn_size import turn_size_bytes
from codexd.routing.internal_error import internal_failure
from codexd.routing.relayed_handle import RelayedHandle
from codexd.settings import Queue

_BATCH: Final = 8
"""How many turns begin in one reactor iteration at most: encoding a long history takes time."""

_BUSY: Final = "busy"
_KEY_LIMIT: Final = "key_turn_limit"


class TurnsAtOnce(Protocol):
    """The limits of principals."""

    def __call__(self, principal: str) -> int:
        """Return how many turns of a principal may run at once; 0 for no limit."""
        ...


@define(kw_only=True)
class QueueDependencies:
    """What all queues of a daemon share.

    Attributes:
        settings: the limits; may be changed.
        slots: the running turns.
        turns_at_once: the limits of principals.
        clock: for deadlines.
        metrics: counts and times the waits.
        chance: returns a random number from 0 to 1, for the jitter of Retry-After.
    """

    settings: Queue
    slots: SlotLedger
    turns_at_once: TurnsAtOnce
    clock: IReactorTime
    metrics: Metrics
    chance: Callable[[], float]

    def may_run(self, principal: str) -> bool:
        """Return whether a principal may run one more turn."""
        limit = self.turns_at_once(principal)
        return limit == 0 or self.slots.running(principal) < limit


class TurnQueue:
    """The turns that wait for slots of one group.

    Args:
        name: of the back end, in metrics.
        needs: shared by all queues.
        slot_state: returns whether there is a slot.
    """

    def __init__(self, name: str, needs: QueueDependencies, slot_state: Callable[[], SlotState]) -> None:
        self.name = name
        self.needs = needs
        self._slot_state = slot_state
        self._waiting: FairQueue[QueueEntry] = FairQueue(_limits(needs.settings))
        self._rate = CompletionRate()
        self._pump_call: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self._draining = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def size_bytes(self) -> int:
        """The memory of the turns that wait."""
        return self._waiting.size_bytes

    def apply(self, settings: Queue) -> None:
        """Use other limits for what comes from now on."""
        self.needs.settings = settings
        self._waiting.limits = _limits(settings)

    def must_wait(self, principal: str) -> bool:
        """Return whether a turn that comes now must wait: others wait, or there is no slot for it."""
        return bool(self._waiting) or self._slot_state() == "full" or not self.needs.may_run(principal)

    def check(self, principal: str, size_bytes: int) -> None:
        """Refuse a turn that could not wait.

        Raises:
            FaultError: `busy`, or `key_turn_limit` for a principal whose own limit is reached.
        """
        if not self._waiting.accepts(principal, size_bytes):
            raise FaultError(self._busy(principal))

    def enter(self, entry: "QueueEntry") -> None:
        """Let a turn wait.

        Raises:
            FaultError: `busy` or `key_turn_limit` if too many wait or the request has waited long enough,
                `shutting_down`.
        """
        if self._draining:
            raise FaultError(fault("shutting_down"))
        now, principal = self.needs.clock.seconds(), entry.context.principal
        entry.waits_from(now, self.needs.settings.max_wait_seconds)
        displaced = None
        if not self._waiting:
            self._rate = CompletionRate()  # measured while the slots are the limit, and not the demand
            self.needs.slots.watch(self._capacity_changed)
        if entry.deadline > now:
            displaced = self._waiting.add(entry, principal, entry.size_bytes, entry.deadline)
        if displaced is None:
            self._stop_watching_if_empty()
            self.needs.metrics.count_queued(self.name, "refused")
            raise FaultError(self._busy(principal))
        for victim in displaced:
            victim.fail(self._busy(victim.context.principal), "displaced")
        self._set_deadline()
        if self._slot_state() == "free":
            self._schedule_pump()

    def remove(self, entry: "QueueEntry") -> bool:
        """Remove an entry that was cancelled; return whether it waited."""
        removed = self._waiting.remove(entry)
        self._stop_watching_if_empty()
        return removed

    def drain(self) -> None:
        """Refuse all turns that wait, and those that would wait from now on."""
        self._draining = True
        waiting = self._waiting.clear()
        self._stop_watching_if_empty()
        for entry in waiting:
            entry.fail(fault("shutting_down"), "shutting_down")
        for call in (self._pump_call, self._deadline):
            if call is not None and call.active():
                call.cancel()
        self._pump_call = self._deadline = None

    def _busy(self, principal: str) -> Fault:
        now = self.needs.clock.seconds()
        position, rate = self._waiting.position(principal), self._rate.per_second(now)
        after = retry_after_seconds(position, rate, self.needs.settings.max_wait_seconds, self.needs.chance())
        # A principal whose own limit is reached does not wait for the other ones.
        kind = _BUSY if self.needs.may_run(principal) else _KEY_LIMIT
        return fault(kind, retry_after_seconds=after)

    # Admission.

    def _capacity_changed(self, backend: str | None) -> None:
        if backend == self.name:
            self._rate.record(self.needs.clock.seconds())
        if self._waiting:
            self._schedule_pump()

    def _schedule_pump(self) -> None:
        """Begin turns in the next reactor iteration, once for all slots that become free in this one."""
        if self._pump_call is None:
            self._pump_call = self.needs.clock.callLater(0, self._pump)

    def _pump(self) -> None:
        self._pump_call = None
        for _ in range(_BATCH):
            if not self._waiting or self._slot_state() != "free":
                return
            entry = self._waiting.take(self.needs.may_run)
            if entry is None:
                return
            self._stop_watching_if_empty()
            entry.admit()
        if self._waiting:
            self._schedule_pump()

    def _stop_watching_if_empty(self) -> None:
        if not self._waiting:
            self.needs.slots.unwatch(self._capacity_changed)

    # Deadlines.

    def _set_deadline(self) -> None:
        """Set the timer for the turn that expires first, unless it is set for an earlier time already."""
        due = self._waiting.next_deadline()
        if due is None or (self._deadline is not None and self._deadline.getTime() <= due):
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.needs.clock.callLater(max(due - self.needs.clock.seconds(), 0.0), self._expire)

    def _expire(self) -> None:
        self._deadline = None
        expired = self._waiting.expire(self.needs.clock.seconds())
        self._stop_watching_if_empty()
        for entry in expired:
            entry.fail(self._expired(entry), "expired")
        self._set_deadline()

    def _expired(self, entry: "QueueEntry") -> Fault:
        """Return the fault of a turn that has waited too long."""
        if entry.deadline == entry.context.deadline:
            return fault("too_long")
        return fault("not_ready") if self._slot_state() == "down" else self._busy(entry.context.principal)


def _limits(settings: Queue) -> QueueLimits:
    return QueueLimits(
        entries=settings.entries, entries_per_principal=settings.entries_per_key, size_bytes=settings.max_bytes
    )


class QueueEntry(ABC):
    """What waits in a queue: a turn, or another request to a back end.

    Args:
        queue: where it waits.
        context: of its request.
        size_bytes: its size in memory.

    Attributes:
        queue: where it waits.
        context: of its request.
        size_bytes: its size in memory.
        deadline: how long it waits at most, on the reactor's clock.
    """

    def __init__(self, queue: TurnQueue, context: RequestContext, size_bytes: int) -> None:
        self.queue = queue
        self.context = context
        self.size_bytes = size_bytes
        self.deadline = 0.0
        self._since = self._waited_before = 0.0

    @abstractmethod
    def begin(self) -> None:
        """Begin it at the back end; may not raise."""

    @abstractmethod
    def refuse(self, why: Fault) -> None:
        """End it; it will not run."""

    # For the queue.

    def waits_from(self, now: float, max_wait_seconds: float) -> None:
        """Set the deadline. A request may wait so long altogether, in one queue after another."""
        self._since, self._waited_before = now, self.context.record.queue_seconds
        self._step = self.context.record.timeline.begin("queue", self.queue.name, size=self.size_bytes)
        self.deadline = now + max_wait_seconds - self._waited_before
        if self.context.deadline is not None:
            self.deadline = min(self.deadline, self.context.deadline)

    def admit(self) -> None:
        """Begin it: it has left the queue, and there is a slot."""
        self._end_wait("admitted")
        self.begin()

    def fail(self, why: Fault, outcome: str) -> None:
        """End it: it has left the queue and will not run."""
        self._end_wait(outcome)
        self.refuse(why)

    def leave(self) -> bool:
        """Leave the queue because it was cancelled; return whether it waited."""
        waited = self.queue.remove(self)
        if waited:
            self._end_wait("cancelled")
        return waited

    def _end_wait(self, outcome: str) -> None:
        waited = self.queue.needs.clock.seconds() - self._since
        record = self.context.record
        record.queue_seconds = max(record.queue_seconds, self._waited_before + waited)
        record.timeline.end(self._step, outcome)
        self.queue.needs.metrics.count_queued(self.queue.name, outcome, waited)


Begin = Callable[[Turn, RequestContext, IEventSink], ITurnHandle]
"""Begins a turn at a back end."""


@implementer(ITurnHandle)
class QueuedTurn(RelayedHandle, QueueEntry):
    """One turn: it waits for a slot, then it is the turn of the back end.

    Args:
        queue: where it waits.
        begin: begins it at the back end.
        turn: the turn.
        context: of its request.
        sink: receives its events.
    """

    def __init__(
        self,
        queue: TurnQueue,
        begin: Begin,
        turn: Turn,
        context: RequestContext,
        sink: IEventSink,
    ) -> None:
        RelayedHandle.__init__(self)
        QueueEntry.__init__(self, queue, context, turn_size_bytes(turn))
        self._begin_turn = begin
        self._turn: Turn | None = turn
        self._turn_ignored = turn.ignored
        self._sink = sink

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields without effect (ITurnHandle)."""
        return self._turn_ignored if self._handle is None else tuple(self._handle.ignored)

    def cancel(self) -> None:
        """Leave the queue, or cancel the turn of the back end (ITurnHandle)."""
        if self.leave():
            self._turn = None
        super().cancel()

    def begin(self) -> None:
        """Begin the turn (QueueEntry)."""
        turn, self._turn = self._turn, None  # its memory is the back end's from now on
        assert turn is not None
        try:
            self.relay_to(self._begin_turn(turn, self.context, self._sink))
        except FaultError as refused:
            self._sink.receive(Failed(refused.fault))
        except Exception:
            self._sink.receive(internal_failure(self.queue.needs.metrics.count, self.context.id))
        self._sink.settle()

    def refuse(self, why: Fault) -> None:
        """Fail the turn (QueueEntry)."""
        self._turn = None
        self._sink.receive(Failed(why))
        self._sink.settle()
