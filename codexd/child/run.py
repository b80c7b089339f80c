"""One answer under way in a child: what the front end holds, and who watches the clock for it."""

from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from codexd.backs import estimate
from codexd.backs.limits import Limits
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral.event import Began, Ended, Event, Failed, Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.turn import Turn
from codexd.policy.affinity import Keys
from codexd.settings import Turns

SETTLE_SECONDS: Final = 5.0
"""Silence after which an answer that looks whole is taken to be: the child's last word can get lost."""


class Giver(Protocol):
    """Whoever gives the answer: the session of its thread."""

    def cancel(self) -> None:
        """Nobody wants the answer any more: stop the model."""

    def hold(self, run: "Run") -> None:
        """Hold the child for this run's reader."""

    def release(self, run: "Run") -> None:
        """This run's reader has caught up."""


@implementer(ITurnHandle)
class Run:
    """One answer: passes events to its sink until the one that ends it.

    Attributes:
        keys: what its thread may be found by later.
        over: the last event was told, or nobody wants more.
        ignored: request fields this back end has no use for.
    """

    def __init__(self, turn: Turn, keys: Keys, sink: IEventSink, giver: Giver, clock: IReactorTime) -> None:
        self.turn = turn
        self.keys = keys
        self.over = False
        self.ignored = turn.ignored + _ignored(turn)
        self._sink = sink
        self._giver = giver
        self._clock = clock
        self._fold = Fold()
        self._began = False
        self._unflushed = False
        self._started = self._heard = clock.seconds()
        self._limits = Limits(turn.sampling, self._estimate) if Limits.needed(turn.sampling) else None

    @property
    def cut(self) -> bool:
        """Tell whether a limit ended the answer before the model did."""
        return self._limits is not None and self._limits.reached

    @property
    def reply(self) -> Reply:
        """What has been told so far."""
        return self._fold.reply()

    def say(self, event: Event) -> None:
        """Pass an event of the model's on."""
        if self._limits is None:
            self._tell(event)
            return
        for limited in self._limits.feed(event):
            self._tell(limited)

    def heard(self) -> None:
        """The model gave a sign of life."""
        self._heard = self._clock.seconds()

    def flush(self) -> None:
        """Nothing more comes in this turn of the reactor."""
        if self._unflushed:
            self._unflushed = False
            self._sink.flush()

    def overdue(self, limits: Turns) -> tuple[str, Fault] | None:
        """Tell whether a deadline has passed: the counter to count it by, and the fault."""
        now = self._clock.seconds()
        if now - self._started > limits.total_seconds:
            return "watchdog_too_long", fault("too_long")
        if not self._began and now - self._started > limits.first_event_seconds:
            return "watchdog_no_first_event", fault("no_first_event")
        if self._began and now - self._heard > limits.idle_seconds:
            return "watchdog_idle", fault("idle")
        return None

    @property
    def quiet(self) -> bool:
        """Tell whether the answer has been silent long enough to ask if it is whole."""
        return self._clock.seconds() - self._heard > SETTLE_SECONDS

    def cancel(self) -> None:
        """Nobody wants the rest (ITurnHandle)."""
        if not self.over:
            self.over = True
            self._unflushed = False
            self._giver.cancel()

    def hold(self) -> None:
        """The reader is too slow (ITurnHandle)."""
        self._giver.hold(self)

    def release(self) -> None:
        """The reader has caught up (ITurnHandle)."""
        self._giver.release(self)

    def _tell(self, event: Event) -> None:
        if self.over:
            return
        kind = type(event)
        if kind is Began:
            self._began = True
        elif kind is Ended or kind is Failed:
            self.over = True
        self._fold.feed(event)
        self._unflushed = True
        self._sink.receive(event)

    def _estimate(self, output_bytes: int) -> Usage:
        return estimate.usage(self.turn, output_bytes)


def _ignored(turn: Turn) -> tuple[str, ...]:
    """Name the sampling parameters the app-server's protocol has no place for."""
    asked = {name: getattr(turn.sampling, name) for name in _UNKNOWN}
    return tuple(name for name, value in asked.items() if value is not None and value is not False)


_UNKNOWN: Final = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "logit_bias",
)
