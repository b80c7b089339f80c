"""Where a model's name leads: to which back ends, in which order, and with which defaults."""

from collections.abc import Iterator
from typing import Any, Final, Protocol

from attrs import evolve, frozen

from codexd.neutral.fault import Fault
from codexd.neutral.turn import Message, Turn
from codexd.policy import catalog
from codexd.policy.retry import REPEATABLE

CODEX: Final = "codex"
"""The back end of aliases that name none."""

_ELSEWHERE: Final = REPEATABLE | {
    "busy",
    "child_died",
    "idle",
    "model_refused_us",
    "no_first_event",
    "not_ready",
    "quota_exhausted",
    "unknown_model",
}
"""Kinds of fault that lie with a back end, or with what it was told to ask for; not with the request."""


class Alias(catalog.Alias, Protocol):
    """A name a person chose, and where it leads (codexd.settings.Model)."""

    @property
    def upstream(self) -> str | None:
        """The upstream that has the model; None is Codex."""
        ...

    @property
    def fallback(self) -> tuple[str, ...]:
        """The names to try in its place, in order."""
        ...

    @property
    def instructions(self) -> str | None:
        """What the model is told where a request tells it nothing."""
        ...

    @property
    def max_output_tokens(self) -> int | None:
        """The most output tokens of an answer."""
        ...


@frozen
class Leg:
    """One way a turn may go.

    Attributes:
        turn: what is asked there; `model` is the name to ask by.
        backend: who is asked; None: whoever has a model of that name.
    """

    turn: Turn
    backend: str | None = None


def legs(turn: Turn, aliases: dict[str, Alias]) -> tuple[Leg, ...]:
    """Give the ways a turn may go, the one it was meant for first.

    The fallbacks of a fallback are not followed: an order is read off one table.
    """
    alias = aliases.get(turn.model)
    names = () if alias is None else alias.fallback
    others = (evolve(turn, model=name) for name in names)
    return tuple(_leg(asked, aliases.get(asked.model)) for asked in (turn, *others))


def _leg(turn: Turn, alias: Alias | None) -> Leg:
    if alias is None:
        return Leg(turn)
    turn = evolve(turn, **dict(_defaults(turn, alias)))
    if alias.upstream is None:
        return Leg(turn, CODEX)  # which knows its aliases itself
    return Leg(evolve(turn, model=alias.model or alias.name), alias.upstream)


def _defaults(turn: Turn, alias: Alias) -> Iterator[tuple[str, Any]]:
    """Give what the alias adds: what the request says itself wins, but for the limit, which holds."""
    if alias.instructions is not None and not _instructed(turn):
        yield "instructions", alias.instructions
    if turn.thinking.effort is None and alias.effort is not None:
        yield "thinking", evolve(turn.thinking, effort=alias.effort)
    most, asked = alias.max_output_tokens, turn.sampling.max_tokens
    if most is not None and (asked is None or asked > most):
        yield "sampling", evolve(turn.sampling, max_tokens=most)


def _instructed(turn: Turn) -> bool:
    messages = (item for item in turn.items if isinstance(item, Message))
    return turn.instructions is not None or any(one.role in ("system", "developer") for one in messages)


def worth_another(failed: Fault) -> bool:
    """Tell whether another back end may be asked in the place of one that failed before its answer began.

    A request that is wrong is wrong there too. One that is given up, that broke us, or for which the time is
    over is not begun again.
    """
    return failed.kind in _ELSEWHERE
