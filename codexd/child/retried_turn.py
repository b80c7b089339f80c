"""One turn of a client over its attempts: started again after a failure before its first event, on any child."""

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from codexd.child.active_turn import ActiveTurn, list_unsupported
from codexd.context import RequestContext
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral.event import Failed, Usage
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.turn import Turn
from codexd.observe.log import format_failure
from codexd.policy.affinity import TurnFingerprints
from codexd.policy.shared_breaker import SharedPermit, failure_kind
from codexd.policy.turn_retry import Attempts
from codexd.settings import ModelAlias


class AttemptHost(Protocol):
    """What a retried turn uses of its back end."""

    @property
    def waiting(self) -> "set[RetriedTurn]":
        """The turns that wait for their next attempt; turns add and remove themselves."""
        ...

    def start_attempt(self, turn: "RetriedTurn") -> ActiveTurn:
        """Start the turn on a child; raises FaultError."""
        ...

    def delay_seconds(self, turn: "RetriedTurn", failed: Fault) -> float | None:
        """Return the delay before the next attempt; None if there is none."""
        ...

    def explain(self, failed: Fault) -> Fault:
        """Return the fault that the client is shown."""
        ...

    def acquire_permit(self, principal: str) -> SharedPermit:
        """Return the permit for a request to the model's provider; raises FaultError(`circuit_open`)."""
        ...

    def return_permit(self, permit: SharedPermit, kind: str | None, reason: str = "") -> None:
        """Return a permit with the kind of the failure; None is a success, `cancelled` unknown."""

    def slot_given_up(self) -> None:
        """Let others use the slot that a turn kept while it waited."""

    def count(self, name: str) -> None:
        """Increment a metrics counter."""


@implementer(ITurnHandle)
class RetriedTurn:
    """The handle of a turn; each attempt is an `ActiveTurn`, which reports here.

    The sink gets nothing of an attempt that failed before its first event, if another one follows.

    Args:
        host: the back end.
        turn: the turn, with the names of the child's models.
        keys: its fingerprints.
        alias: the settings of the requested model.
        context: of the client's request.
        sink: receives the events.
        clock: for the delays.

    Attributes:
        attempts: the number and the times of the attempts so far.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        host: AttemptHost,
        turn: Turn,
        keys: TurnFingerprints,
        alias: ModelAlias,
        context: RequestContext,
        sink: IEventSink,
        clock: IReactorTime,
    ) -> None:
        self.turn = turn
        self.keys = keys
        self.alias = alias
        self.context = context
        self.sink = sink
        self.attempts = Attempts(clock.seconds())
        self._host = host
        self._clock = clock
        self._active: ActiveTurn | None = None
        self._waiting: tuple[Fault, IDelayedCall] | None = None
        self._permit: SharedPermit | None = None
        self._paused = False
        self._over = False

    def begin(self) -> "RetriedTurn":
        """Make the first attempt, or schedule it while a child restarts.

        Raises:
            FaultError: the turn cannot be started.
        """
        try:
            self._attempt()
        except FaultError as refused:
            if not self._schedule(refused.fault):
                raise
        return self

    # ITurnHandle

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request fields without effect (ITurnHandle)."""
        return list_unsupported(self.turn) if self._active is None else self._active.ignored

    def cancel(self) -> None:
        """Stop the model, and start no further attempt (ITurnHandle)."""
        if self._stop_waiting() is not None:
            self._host.slot_given_up()
        self.attempt_cancelled()
        if self._active is not None:
            self._active.cancel()

    def pause(self) -> None:
        """Stop reading from the child, also in later attempts (ITurnHandle)."""
        self._paused = True
        if self._active is not None:
            self._active.pause()

    def resume(self) -> None:
        """Continue to read from the child (ITurnHandle)."""
        self._paused = False
        if self._active is not None:
            self._active.resume()

    def give_up(self) -> None:
        """End a turn that waits for its next attempt, as there will be none."""
        failed = self._stop_waiting()
        if failed is not None:
            self._fail(failed)

    # active_turn.AttemptListener

    def attempt_began(self) -> None:
        """Report a success of a probe: the provider answers, however long that takes."""
        if self._permit is not None and self._permit.is_probe:
            self._return_permit(None)

    def retry(self, failed: Fault, usage: Usage | None) -> bool:
        """Return whether another attempt follows the one that has failed before its first event."""
        if not self._schedule(failed):
            return False
        if usage is not None:
            self.context.record.usages.append(usage)
        if self.context.provider_charge is not None:
            self.context.provider_charge.end_attempt(usage)
        return True

    def explain(self, failed: Fault) -> Fault:
        """Return the fault that the client is shown."""
        return self._host.explain(failed)

    def attempt_ended(self, failed: Fault | None) -> None:
        """Report the outcome of the turn: this was the last attempt."""
        self._over = True
        if failed is None:
            self._return_permit(None)
        else:
            self._return_permit(failure_kind(failed), failed.note or "")

    def attempt_cancelled(self) -> None:
        """Report a turn without an outcome."""
        self._over = True
        self._return_permit("cancelled")

    # Attempts.

    def _attempt(self) -> None:
        self._permit = self._host.acquire_permit(self.context.principal)
        try:
            self._active = self._host.start_attempt(self)
        except FaultError:
            self._return_permit("cancelled")
            raise
        if self._paused:
            self._active.pause()

    def _schedule(self, failed: Fault) -> bool:
        """Schedule the next attempt; return False if there is none."""
        delay = None if self._over else self._host.delay_seconds(self, failed)
        if delay is None:
            return False
        # The attempts of one request count as one failure of the provider: the request may be the cause.
        self._return_permit("cancelled")
        self.attempts = self.attempts.after(failed)
        self.context.record.timeline.add("retry", status=failed.kind)
        self._waiting = failed, self._clock.callLater(delay, self._try_again, failed)
        self._host.waiting.add(self)
        return True

    def _stop_waiting(self) -> Fault | None:
        """Cancel the next attempt; return why the last one failed, None if none is scheduled."""
        self._host.waiting.discard(self)
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return None
        failed, timer = waiting
        if timer.active():
            timer.cancel()
        return failed

    def _try_again(self, failed: Fault) -> None:
        self._stop_waiting()
        self._active = None
        try:
            self._attempt()
        except FaultError as refused:
            if not self._schedule(refused.fault):
                self._fail(failed)
        except Exception:
            self._fail_internally()
        else:
            self.context.record.retries += 1
            self._host.count("turn_retried")

    def _fail_internally(self) -> None:
        """Log an unexpected exception, which nobody else would answer, and fail the turn."""
        self._host.count("internal_error")
        self._log.error(
            "Request {id}: a turn could not be started again: {where}",
            event="internal_error",
            id=self.context.id,
            where=format_failure(Failure()),
        )
        self._return_permit("cancelled")
        self._fail(fault("internal"))

    def _fail(self, failed: Fault) -> None:
        self._over = True
        self._host.slot_given_up()
        self.sink.receive(Failed(self._host.explain(failed)))
        self.sink.settle()

    def _return_permit(self, kind: str | None, reason: str = "") -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            self._host.return_permit(permit, kind, reason)
