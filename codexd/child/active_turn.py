"""One turn that a child is running: the handle for the front end, its event sink, and its deadlines."""

from typing import Final, Protocol

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from codexd.backs.output_limiter import OutputLimiter
from codexd.context import RequestContext
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral.event import Began, Ended, Event, Failed, Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Reasoning, ResponseFormat, Turn
from codexd.policy import estimate
from codexd.policy.affinity import TurnFingerprints
from codexd.settings import Turns
from codexd.wire.provider_state import decode_state, is_state, list_members

QUIET_SECONDS: Final = 5.0
"""Silence after which a response that looks complete is taken as complete: its last event can get lost."""


class TurnController(Protocol):
    """What the handle of a turn controls: the session of its thread."""

    def cancel(self) -> None:
        """Stop the model: the client has disconnected."""

    def pause(self, turn: "ActiveTurn") -> None:
        """Stop reading from the child for this turn's client."""

    def resume(self, turn: "ActiveTurn") -> None:
        """Undo this turn's `pause`."""

    @property
    def usage(self) -> Usage | None:
        """The tokens that were reported for the response so far; None if none were."""
        ...


class AttemptListener(Protocol):
    """What follows the outcome of an attempt to run a turn."""

    def attempt_began(self) -> None:
        """The model has begun to respond."""

    def retry(self, failed: Fault, usage: Usage | None) -> bool:
        """Return whether another attempt follows one that failed before its first event, with its usage."""
        ...

    def explain(self, failed: Fault) -> Fault:
        """Return the fault that the client is shown."""
        ...

    def attempt_ended(self, failed: Fault | None) -> None:
        """The turn has ended; None if it did not fail."""

    def attempt_cancelled(self) -> None:
        """The turn was cancelled."""


@implementer(ITurnHandle)
class ActiveTurn:
    """Passes the events of one turn to its sink, up to the one that ends it.

    Attributes:
        request: the turn as it was requested.
        context: of the client's request.
        keys: fingerprints by which a later request finds the thread.
        over: the last event was passed on, or the turn was cancelled.
        ignored: request fields that this back end does not support.
    """

    def __init__(
        self,
        request: Turn,
        context: RequestContext,
        keys: TurnFingerprints,
        sink: IEventSink,
        controller: TurnController,
        clock: IReactorTime,
        listener: AttemptListener | None = None,
    ) -> None:
        self.request = request
        self.context = context
        self.keys = keys
        self.over = False
        self.ignored = list_unsupported(request)
        self._sink = sink
        self._controller = controller
        self._clock = clock
        self._listener = listener
        self._unreachable_since: float | None = None
        self._fold = Fold()
        self._began = False
        self._unsettled = False
        self._started_at = self._active_at = clock.seconds()
        self._limits = (
            OutputLimiter(request.sampling, self._estimate) if OutputLimiter.is_needed(request.sampling) else None
        )

    @property
    def cut(self) -> bool:
        """Whether a limit (`stop`, `max_tokens`) ended the response before the model did."""
        return self._limits is not None and self._limits.reached

    @property
    def reply(self) -> Reply:
        """The response so far."""
        return self._fold.build_reply()

    def receive(self, event: Event) -> None:
        """Pass an event to the sink, cut to the limits of the request."""
        if self._limits is None:
            self._pass_on(event)
            return
        for limited in self._limits.feed(event):
            self._pass_on(limited)

    def note_activity(self) -> None:
        """Restart the idle deadline: the model has sent something."""
        self._active_at = self._clock.seconds()

    def note_reconnecting(self, unreachable: bool) -> None:
        """Record that the child retries; `unreachable`: as it could open no connection to the model's provider."""
        since = self._unreachable_since
        if not unreachable:
            self._unreachable_since = None
        elif since is None or since < self._active_at:
            self._unreachable_since = self._clock.seconds()

    def settle(self) -> None:
        """Have the sink act on the events it has received, if there were any; see IEventSink."""
        if self._unsettled:
            self._unsettled = False
            self._sink.settle()

    def find_missed_deadline(self, limits: Turns, unreachable_seconds: float) -> tuple[str, Fault] | None:
        """Return the metrics counter and the fault of a deadline that has passed, or None."""
        now = self._clock.seconds()
        ends = self.context.deadline
        if now > (self._started_at + limits.total_seconds if ends is None else ends):
            return "watchdog_too_long", fault("too_long")
        since = self._unreachable_since
        if since is not None and since >= self._active_at and now - since >= unreachable_seconds:
            return "watchdog_unreachable", evolve(fault("unreachable"), note="connect")
        if not self._began and now - self._started_at > limits.first_event_seconds:
            return "watchdog_no_first_event", fault("no_first_event")
        if self._began and now - self._active_at > limits.idle_seconds:
            return "watchdog_idle_timeout", fault("idle_timeout")
        return None

    @property
    def quiet(self) -> bool:
        """Whether nothing has come for so long that the response may be complete; see QUIET_SECONDS."""
        return self._clock.seconds() - self._active_at > QUIET_SECONDS

    def cancel(self) -> None:
        """Stop the model (ITurnHandle)."""
        if not self.over:
            self.over = True
            self._unsettled = False
            if self._listener is not None:
                self._listener.attempt_cancelled()
            self._controller.cancel()

    def pause(self) -> None:
        """Stop reading from the child (ITurnHandle)."""
        self._controller.pause(self)

    def resume(self) -> None:
        """Continue to read from the child (ITurnHandle)."""
        self._controller.resume(self)

    def _pass_on(self, event: Event) -> None:
        if self.over:
            return
        kind = type(event)
        if kind is Began:
            self._began = True
            if self._listener is not None:
                self._listener.attempt_began()
        elif kind is Ended or kind is Failed:
            self.over = True
            if self._listener is not None:
                if not self._report_end(self._listener, event):
                    return
                if isinstance(event, Failed):
                    event = Failed(self._listener.explain(event.fault))
        self._fold.feed(event)
        self._unsettled = True
        self._sink.receive(event)

    def _report_end(self, listener: AttemptListener, event: Event) -> bool:
        """Report the last event; return whether it is passed on, as no other attempt follows."""
        failed = event.fault if isinstance(event, Failed) else None
        if failed is not None and not self._began and listener.retry(failed, self._controller.usage):
            return False
        listener.attempt_ended(failed)
        return True

    def _estimate(self, output_bytes: int) -> Usage:
        return estimate.usage(self.request, output_bytes)


def list_unsupported(turn: Turn) -> tuple[str, ...]:
    """List the parameters of a request without effect, with those that the app-server's protocol does not have."""
    values = {name: getattr(turn.sampling, name) for name in _UNSUPPORTED}
    found = [name for name, value in values.items() if value is not None and value is not False]
    if any(tool.strict for tool in turn.visible_tools):
        found.append("tools[].strict")
    return tuple(dict.fromkeys((*turn.ignored, *found, *_unsupported_format(turn.format), *_unsupported_state(turn))))


def _unsupported_state(turn: Turn) -> list[str]:
    """List the state of a model of an upstream, which Codex's models do not understand."""
    encrypted = (item.encrypted for item in turn.items if type(item) is Reasoning and item.encrypted is not None)
    states = (decode_state(one) for one in encrypted if is_state(one))
    return [name for state in states if state is not None for name in list_members(state)]


def _unsupported_format(form: ResponseFormat) -> tuple[str, ...]:
    """List the parameters of a JSON Schema that Codex replaces: it always has the same name and is strict."""
    if form.kind != "json_schema":
        return ()
    lost = {
        "format.name": form.name is not None,
        "format.description": form.description is not None,
        "format.strict": form.strict is False,
    }
    return tuple(name for name, is_lost in lost.items() if is_lost)


_UNSUPPORTED: Final = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "logit_bias",
)
