"""Tries several back ends for one response, in order, until one of them sends its first event."""

from collections.abc import Callable
from typing import Literal

from attrs import frozen
from zope.interface import implementer

from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral.event import Event, Failed
from codexd.neutral.fault import Fault, FaultError
from codexd.policy.fallback import allows_fallback
from codexd.routing.internal_error import internal_failure
from codexd.routing.relayed_handle import RelayedHandle
from codexd.timeline import Timeline

BackendLoad = Literal["free", "full", "unknown"]


def _unknown_load() -> BackendLoad:
    return "unknown"


@frozen
class Attempt:
    """One back end to try.

    Attributes:
        begin: starts the response there; raises FaultError.
        load: returns whether the response would begin at once, or wait because the back end is full; `unknown` if the
            back end is not ready or is not known before it is asked.
    """

    begin: Callable[[IEventSink], ITurnHandle]
    load: Callable[[], BackendLoad] = _unknown_load


@implementer(IEventSink)
class _AttemptSink:
    """Receives the events of one attempt; the runner drops them once the attempt was given up."""

    def __init__(self, runner: "FallbackRunner") -> None:
        self._runner = runner
        self.has_events = False

    def receive(self, event: Event) -> None:
        """Pass the next event to the runner (IEventSink)."""
        self._runner.receive_from(self, event)

    def settle(self) -> None:
        """Report the end of the reactor iteration to the runner (IEventSink)."""
        self._runner.settle_from(self)


class FallbackRunner(RelayedHandle):
    """Runs the attempts of one response one after another.

    Starts the next attempt only before the first event; after that the client has seen part of the response.

    Args:
        attempts: the attempts in order; at least one.
        sink: receives the events of the response.
        count: called with `fallback_used` and `internal_error`.
        request_id: the id of the request, for the log.
        timeline: of the request.
    """

    def __init__(
        self,
        attempts: tuple[Attempt, ...],
        sink: IEventSink,
        count: Callable[[str], None],
        request_id: str,
        timeline: Timeline | None = None,
    ) -> None:
        super().__init__()
        self._attempts = list(attempts)
        self._sink = sink
        self._count = count
        self._request_id = request_id
        self._timeline = timeline or Timeline()
        self._current = _AttemptSink(self)
        self._attempt_failed = False
        self._first_fault: Fault | None = None

    def begin(self) -> None:
        """Start the first attempt that is neither refused nor fails at once.

        Raises:
            FaultError: the refusal of the last attempt.
        """
        self._start_next()
        while self._attempt_failed and self._attempts:
            self._start_next()

    def _start_next(self) -> None:
        attempt = self._attempts.pop(self._choose_attempt())
        self._attempt_failed, self._current = False, _AttemptSink(self)
        try:
            self.relay_to(attempt.begin(self._current))
        except FaultError as refused:
            if not self._give_up_attempt(refused.fault):
                raise FaultError(self._final_fault(refused.fault)) from None

    def _choose_attempt(self) -> int:
        """Return the index of the next attempt: the first, or, while that would wait, the first that would not."""
        if len(self._attempts) == 1 or self._attempts[0].load() != "full":
            return 0
        free = next((index for index, attempt in enumerate(self._attempts) if attempt.load() == "free"), 0)
        if free:
            self._timeline.add("fallback", status="full")
            self._count("fallback_used")
        return free

    def _give_up_attempt(self, fault: Fault) -> bool:
        """Mark the attempt as failed and return True, if another attempt can be made after this fault."""
        if not self._attempts or not allows_fallback(fault):
            return False
        self._attempt_failed = True
        self._first_fault = self._first_fault or fault
        self.relay_to(None)
        self._timeline.add("fallback", status=fault.kind)
        self._count("fallback_used")
        return True

    def _final_fault(self, last: Fault) -> Fault:
        """Return the fault of the response: a fallback that does not exist does not hide why the model failed."""
        return self._first_fault if last.kind == "unknown_model" and self._first_fault is not None else last

    # Events from the back ends.

    def receive_from(self, source: _AttemptSink, event: Event) -> None:
        """Pass on an event of the current attempt; drop those of earlier ones."""
        if source is not self._current or self.cancelled or self._attempt_failed:
            return
        if isinstance(event, Failed) and not source.has_events and self._give_up_attempt(event.fault):
            return
        source.has_events = True
        self._sink.receive(event)

    def settle_from(self, source: _AttemptSink) -> None:
        """Start the next attempt if the current one has failed, then let the sink act on its events."""
        if source is not self._current or self.cancelled:
            return
        while self._attempt_failed:
            self._start_next_or_fail()
        self._sink.settle()

    def _start_next_or_fail(self) -> None:
        """Start the next attempt after `begin` has returned: a refusal becomes a failure of the response."""
        try:
            self._start_next()
        except FaultError as refused:
            self._fail(Failed(self._final_fault(refused.fault)))
        except Exception:
            self._fail(internal_failure(self._count, self._request_id))

    def _fail(self, failed: Failed) -> None:
        self._attempt_failed = False
        self.relay_to(None)
        self._sink.receive(failed)
