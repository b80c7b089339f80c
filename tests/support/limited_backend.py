"""A verified fake of `ILimitedBackend`: its turns take slots, and free them when they end or are cancelled."""

from collections.abc import Callable

from attrs import evolve
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.context import RequestContext
from codexd.interfaces import IEventSink, ILimitedBackend, ITurnHandle, SlotState
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.policy.slot_ledger import SlotLedger
from codexd.routing.queued_backend import QueuedBackend
from codexd.routing.queued_requests import QueuedRequests
from codexd.routing.turn_queue import QueueDependencies
from codexd.settings import Queue
from tests.support.contexts import context
from tests.support.fake_backend import FakeBackend, FakeTurn, text_answer


@implementer(ILimitedBackend)
class FakeLimitedBackend(FakeBackend):
    """Runs a limited number of turns at once.

    Attributes:
        limit: the number of slots.
        is_down: it can run nothing.
        running: the turns that run, oldest first.
        suspended: models whose turns continue a suspended one.
        check_error: what `check` raises.
    """

    def __init__(self, name: str, slots: SlotLedger, limit: int) -> None:
        super().__init__()
        self.name, self.slots, self.limit = name, slots, limit
        self.is_down = False
        self.running: list[FakeTurn] = []
        self.suspended: set[str] = set()
        self.check_error: Fault | None = None
        verifyObject(ILimitedBackend, self)

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        if self.is_down:
            raise FaultError(fault("not_ready"))
        if len(self.running) >= self.limit and turn.model not in self.suspended:
            raise FaultError(fault("busy"))
        super().begin(turn, context, sink)
        begun = self.turns[-1]
        self.running.append(begun)
        self.slots.take(context.principal)
        return _FreeingTurn(begun, lambda: self.release(begun))

    def prepare(self, turn: Turn) -> None:
        """Prepare nothing."""

    def begin_prepared(self, turn: Turn, context: RequestContext, sink: IEventSink, prepared: object) -> ITurnHandle:
        return self.begin(turn, context, sink)

    def release(self, turn: FakeTurn) -> None:
        """Free the slot of a turn."""
        if turn in self.running:
            self.running.remove(turn)
            self.slots.release(self.name, turn.context.principal)

    def finish(self, index: int = 0) -> None:
        """End a running turn with an answer."""
        turn = self.running[index]
        self.release(turn)
        turn.emit(*text_answer())

    def check_model(self, model: str) -> None:
        if self.check_error is not None:
            raise FaultError(self.check_error)

    def slot_group(self, turn: Turn) -> str:
        return "all"

    def slot_state(self, group: str) -> SlotState:
        if self.is_down:
            return "down"
        return "free" if len(self.running) < self.limit else "full"

    def continues(self, turn: Turn) -> bool:
        return turn.model in self.suspended

    def check(self, turn: Turn) -> None:
        if self.check_error is not None:
            raise FaultError(self.check_error)


@implementer(ITurnHandle)
class _FreeingTurn:
    """Passes commands on, and frees the slot when the turn is cancelled."""

    def __init__(self, turn: FakeTurn, release: Callable[[], None]) -> None:
        self._turn, self._release = turn, release
        self.ignored = turn.ignored
        self.pause, self.resume = turn.pause, turn.resume

    def cancel(self) -> None:
        self._turn.cancel()
        self._release()


def context_of(principal: str, deadline: float | None = None) -> RequestContext:
    """Return the context of a new request of a principal."""
    new = context(deadline=deadline)
    return evolve(new, principal=principal, record=evolve(new.record, principal=principal))


class QueueHarness:
    """A limited back end with a queue in front of it.

    Attributes:
        clock: the clock.
        limits: the numbers of turns at once, by principal.
        requests: its embeddings and forwarded requests, with the same queue.
    """

    def __init__(self, limit: int = 1, settings: Queue | None = None) -> None:
        self.clock, self.metrics, self.slots = Clock(), Metrics(), SlotLedger()
        self.limits: dict[str, int] = {}
        self.needs = QueueDependencies(
            settings=settings or Queue(),
            slots=self.slots,
            turns_at_once=lambda principal: self.limits.get(principal, 0),
            clock=self.clock,
            metrics=self.metrics,
            chance=lambda: 0.5,
        )
        self.model = FakeLimitedBackend("codex", self.slots, limit)
        self.backend = QueuedBackend("codex", self.model, self.needs)
        self.requests = QueuedRequests(self.model, self.backend.queue("all"))
