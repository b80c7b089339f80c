"""The timeline of one request: what happened when, without any content.

It is always recorded, so its size is bounded, and recording costs little: one entry stands for a run of equal steps.
"""

from collections.abc import Callable
from typing import Final, Literal

from attrs import Factory, define

StepKind = Literal[
    "received",
    "decode",
    "recall",
    "images",
    "backend",
    "queue",
    "thread",
    "rpc",
    "rpc_request",
    "rpc_reply",
    "upstream",
    "retry",
    "fallback",
    "event",
    "paused",
    "store",
    "sent",
    "ended",
]
"""What a step of a request is; docs/tracing.md explains each."""

MAX_STEPS: Final = 96
"""How many steps of a request are listed one by one; further ones are added up by kind and label."""

_MAX_TOTALS: Final = 32


def _no_clock() -> float:
    return 0.0


@define(eq=False, kw_only=True)
class Step:
    """One step of a request, or a run of equal ones. Times are those of the timeline's clock.

    Attributes:
        kind: what it is.
        label: which one: a method, an upstream, a kind of event. Never content.
        began: when it began, or the first of the run.
        ended: when it ended, or the last of the run; None while it lasts.
        status: how it ended: `ok`, the kind of a fault, an HTTP status; empty where there is nothing to say.
        count: the length of the run.
        size: of what was sent or received: characters of events, bytes of everything else.
        span_id: the id by which an upstream knows the step; empty if it has none.
        is_total: it adds up the steps beyond the limit of the timeline.
    """

    kind: StepKind
    label: str
    began: float
    ended: float | None = None
    status: str = ""
    count: int = 1
    size: int = 0
    span_id: str = ""
    is_total: bool = False


@define(eq=False)
class Timeline:
    """The steps of one request, in the order in which they began.

    Attributes:
        seconds: returns the time, in seconds.
        steps: the steps so far.
    """

    seconds: Callable[[], float] = _no_clock
    steps: list[Step] = Factory(list)
    _totals: dict[tuple[StepKind, str], Step] = Factory(dict)

    def begin(self, kind: StepKind, label: str = "", size: int = 0) -> Step:
        """Add a step that lasts until `end`."""
        step = Step(kind=kind, label=label, began=self.seconds(), size=size)
        if len(self.steps) < MAX_STEPS:
            self.steps.append(step)
            return step
        return self._add_to_total(step)

    def end(self, step: Step, status: str = "") -> None:
        """End a step, now."""
        step.ended = self.seconds()
        if status:
            step.status = status

    def add(self, kind: StepKind, label: str = "", size: int = 0, status: str = "") -> Step:
        """Add a step without a duration."""
        step = self.begin(kind, label, size)
        step.ended = self.seconds() if step.is_total else step.began
        step.status = status
        return step

    def begin_other(self) -> "Timeline":
        """Return a new timeline on the same clock, for what continues after this request."""
        return Timeline(self.seconds)

    @property
    def totals(self) -> tuple[Step, ...]:
        """The steps beyond the limit, added up by kind and label."""
        return tuple(self._totals.values())

    def _add_to_total(self, step: Step) -> Step:
        key = (step.kind, step.label if len(self._totals) < _MAX_TOTALS else "")
        total = self._totals.get(key)
        if total is None:
            step.is_total, step.label = True, key[1]
            self._totals[key] = step
            return step
        total.count += 1
        total.size += step.size
        return total
