"""The back ends to try for a turn, in order, each with the defaults of its alias."""

from collections.abc import Iterator
from typing import Any, Final, Protocol

from attrs import evolve

from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.neutral.turn import Message, Turn
from codexd.policy import catalog
from codexd.policy.retry import RETRYABLE_KINDS

CODEX: Final = "codex"
"""The name of the only back end of Codex, or of the first one, unless it is named."""

_FALLBACK_KINDS: Final = RETRYABLE_KINDS | {
    "busy",
    "child_died",
    "child_hung",
    "circuit_open",
    "credentials_rejected",
    "idle_timeout",
    "login_expired",
    "no_first_event",
    "not_ready",
    "provider_rejected",
    "quota_exhausted",
    "unknown_model",
}
"""The kinds of fault caused by a back end or by its configuration, not by the request."""


class RoutedAlias(catalog.CatalogAlias, Protocol):
    """A configured alias and where it is routed (codexd.settings.ModelAlias)."""

    @property
    def upstream(self) -> str | None:
        """The upstream that has the model; None is Codex."""
        ...

    @property
    def codex(self) -> str | None:
        """The back end of Codex that has the model; None: that of the router."""
        ...

    @property
    def fallback(self) -> tuple[str, ...]:
        """The names to try instead, in order."""
        ...

    @property
    def instructions(self) -> str | None:
        """The instructions of requests that have none."""
        ...

    @property
    def max_output_tokens(self) -> int | None:
        """The maximum number of output tokens of an answer."""
        ...


@frozen
class RouteCandidate:
    """One back end to try.

    Attributes:
        turn: the turn for this back end; its `model` is the name to request there.
        backend: the back end's name; None: any that has a model of that name.
    """

    turn: Turn
    backend: str | None = None


def list_candidates(turn: Turn, aliases: dict[str, RoutedAlias], home: str = CODEX) -> tuple[RouteCandidate, ...]:
    """Return the back ends to try, the requested one first; `home` is the back end of Codex of aliases without one.

    Fallbacks of a fallback are not followed, so that the order can be read from one table.
    """
    alias = aliases.get(turn.model)
    names = () if alias is None else alias.fallback
    fallbacks = (evolve(turn, model=name) for name in names)
    return tuple(_candidate(one, aliases.get(one.model), home) for one in (turn, *fallbacks))


def _candidate(turn: Turn, alias: RoutedAlias | None, home: str) -> RouteCandidate:
    if alias is None:
        return RouteCandidate(turn)
    turn = evolve(turn, **dict(_defaults(turn, alias)))
    if alias.upstream is None:
        return RouteCandidate(turn, alias.codex or home)  # which resolves its aliases itself
    return RouteCandidate(evolve(turn, model=alias.model or alias.name), alias.upstream)


def _defaults(turn: Turn, alias: RoutedAlias) -> Iterator[tuple[str, Any]]:
    """Yield the fields that the alias sets. The request takes precedence, except for the token limit."""
    if alias.instructions is not None and not _has_instructions(turn):
        yield "instructions", alias.instructions
    if turn.reasoning.effort is None and alias.effort is not None:
        yield "reasoning", evolve(turn.reasoning, effort=alias.effort)
    limit, requested = alias.max_output_tokens, turn.sampling.max_tokens
    if limit is not None and (requested is None or requested > limit):
        yield "sampling", evolve(turn.sampling, max_tokens=limit)


def _has_instructions(turn: Turn) -> bool:
    messages = (item for item in turn.items if isinstance(item, Message))
    return turn.instructions is not None or any(one.role in ("system", "developer") for one in messages)


def allows_fallback(failed: Fault) -> bool:
    """Return whether another back end may be tried after one failed before its answer began.

    False for an invalid request, which is invalid everywhere, and for one that was cancelled, that caused an
    internal error, or whose time is over.
    """
    return failed.kind in _FALLBACK_KINDS
