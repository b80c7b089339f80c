"""All back ends as one: a turn goes to whoever has its model."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from codexd.fronts import embeddings
from codexd.interfaces import IEmbedder, IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.fault import Fault, Refused, fault
from codexd.neutral.turn import Turn
from codexd.policy.routing import CODEX, Alias, Leg, legs
from codexd.routing.relay import Relay, Way

_UNKNOWN: Final = "unknown_model"


@frozen
class Line:
    """One back end.

    Attributes:
        name: what aliases call it.
        backend: who answers there.
        prefix: what its models' names begin with; aliases leave it out.
        embedder: who gives embeddings there, if anybody does.
    """

    name: str
    backend: IModelBackend
    prefix: str = ""
    embedder: IEmbedder | None = None


@implementer(IModelBackend, IEmbedder)
class Switchboard:
    """Sends turns on.

    Args:
        lines: the back ends, in the order in which they are asked for a name that none of them lists; those
            whose prefix it has come first.
        aliases: by name.
        count: told `fallback_taken`.
    """

    def __init__(
        self, lines: Iterable[Line], aliases: Mapping[str, Alias], count: Callable[[str], None]
    ) -> None:
        self._lines = {line.name: line for line in lines}
        self._aliases = dict(aliases)
        self._count = count

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Start an answer (IModelBackend)."""
        ways = tuple(self._way(leg) for leg in legs(turn, self._aliases))
        if len(ways) == 1:
            return ways[0](sink)
        relay = Relay(ways, sink, self._count)
        relay.begin()
        return relay

    def models(self) -> tuple[ModelCard, ...]:
        """List what is on offer everywhere; of equal names the first line's counts (IModelBackend)."""
        reached = (alias for alias in self._aliases.values() if (alias.upstream or CODEX) in self._lines)
        found = {alias.name: ModelCard(alias.name) for alias in reached}
        for line in self._lines.values():
            for card in line.backend.models():
                known = found.get(card.id)
                if known is None or known == ModelCard(card.id):
                    found[card.id] = card
        return tuple(found.values())

    def ready(self) -> bool:
        """Tell whether anybody could answer (IModelBackend)."""
        return any(line.backend.ready() for line in self._lines.values())

    def embed(self, model: str, written: Callable[[str], bytes]) -> "Deferred[bytes]":
        """Ask whoever has the model (IEmbedder); nobody in its place, whose embeddings would mean others."""
        alias = self._aliases.get(model)
        line = self._listing(model) if alias is None else self._lines.get(alias.upstream or CODEX)
        if line is None:
            return self._embed_anywhere(model, written)
        if line.embedder is None:
            raise Refused(embeddings.unavailable())
        own = model if alias is None else line.prefix + (alias.model or alias.name)
        return line.embedder.embed(own, written)

    def _embed_anywhere(self, model: str, written: Callable[[str], bytes]) -> "Deferred[bytes]":
        refusal = Refused(fault(_UNKNOWN, param="model"))
        for line in self._likeliest(model):
            try:
                if line.embedder is not None:
                    return line.embedder.embed(model, written)
            except Refused as refused:
                refusal = refused
        raise refusal

    def _way(self, leg: Leg) -> Way:
        line = None if leg.backend is None else self._lines.get(leg.backend)
        if line is None:
            return lambda sink: self._ask_around(leg.turn, sink)
        turn = evolve(leg.turn, model=line.prefix + leg.turn.model)
        return lambda sink: line.backend.begin(turn, sink)

    def _ask_around(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Begin with the line that lists the model, else with the first that takes it.

        Raises:
            Refused: as that line does; if there is none `unknown_model`, or `not_ready` if one may have it.
        """
        listed = self._listing(turn.model)
        if listed is not None:
            return listed.backend.begin(turn, sink)
        refusal = Refused(fault(_UNKNOWN, param="model"))
        for line in self._likeliest(turn.model):
            try:
                return line.backend.begin(turn, sink)
            except Refused as refused:
                if not _passed_over(line, refused.fault):
                    raise
                if refusal.fault.kind == _UNKNOWN:
                    refusal = refused
        raise refusal

    def _likeliest(self, model: str) -> list[Line]:
        """Give all lines, those first that the name's beginning stands for: they need wait for no other."""
        return sorted(
            self._lines.values(), key=lambda line: not (line.prefix and model.startswith(line.prefix))
        )

    def _listing(self, model: str) -> Line | None:
        lines = self._lines.values()
        return next((line for line in lines if any(card.id == model for card in line.backend.models())), None)


def _passed_over(line: Line, refused: Fault) -> bool:
    """Tell whether others are asked for a name that a line refuses and nobody lists.

    An upstream that has not listed its models yet, and may be down for long, does not stand before others.
    """
    return refused.kind == _UNKNOWN or (refused.kind == "not_ready" and line.name != CODEX)
