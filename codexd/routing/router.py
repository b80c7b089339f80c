"""Routes each turn to the back end that has its model; presents all back ends as one."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attrs import evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEmbedder, IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.records import frozen
from codexd.neutral.turn import Turn
from codexd.policy.fallback import CODEX, RouteCandidate, RoutedAlias, list_candidates
from codexd.policy.model_prefixes import match_length
from codexd.routing.fallback import Attempt, BackendLoad, FallbackRunner

_UNKNOWN: Final = "unknown_model"
_MODEL_CHARACTERS: Final = 64
"""How many characters of an unknown model's name an error repeats."""

_ADD_UPSTREAM: Final = "Configure a server that creates embeddings in an [[upstream]] table, and use one of its models."
_NO_EMBEDDINGS: Final = f"This model does not support embeddings. {_ADD_UPSTREAM}"


def _never(_: Turn) -> bool:
    return False


@frozen(kw_only=True)
class BackendEntry:
    """One back end of the router.

    Attributes:
        name: the name that aliases refer to.
        backend: the back end.
        prefix: the beginning of all its model names; aliases omit it.
        embedder: the embeddings of this back end, if it has any.
        must_wait: returns whether a turn that begins now would wait until others have ended.
        is_codex: it is a CODEX_HOME, with an account of its own: no request goes from one to another.
    """

    name: str
    backend: IModelBackend
    prefix: str = ""
    embedder: IEmbedder | None = None
    must_wait: Callable[[Turn], bool] = _never
    is_codex: bool = False


@implementer(IModelBackend, IEmbedder)
class ModelRouter:
    """Sends each turn and each embeddings request to the back end of its model.

    Args:
        entries: the back ends, in the order in which they are tried for a model that none of them lists;
            those whose prefix the model name has are tried first, the longest prefix first of all.
        aliases: the aliases by name.
        count: called with `fallback_used`.
        home: the name of the back end of Codex that serves aliases without one.
    """

    def __init__(
        self,
        entries: Iterable[BackendEntry],
        aliases: Mapping[str, RoutedAlias],
        count: Callable[[str], None],
        home: str = CODEX,
    ) -> None:
        self._home = home
        self._entries = {entry.name: entry for entry in entries}
        self._aliases = dict(aliases)
        self._count = count

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response (IModelBackend)."""
        candidates = list_candidates(turn, self._aliases, self._home)
        home = None if len(candidates) == 1 else self._find_home(candidates)
        attempts = tuple(self._attempt(candidate, context, home) for candidate in candidates)
        if len(attempts) == 1:
            return attempts[0].begin(sink)
        runner = FallbackRunner(attempts, sink, self._count, context.id, context.record.timeline)
        runner.begin()
        return runner

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of all back ends; of equal names the first back end's counts (IModelBackend)."""
        reachable = (alias for alias in self._aliases.values() if self._find_target(alias) is not None)
        cards = {alias.name: ModelCard(id=alias.name) for alias in reachable}
        for entry in self._entries.values():
            for card in entry.backend.models():
                known = cards.get(card.id)
                if known is None or known == ModelCard(id=card.id):
                    cards[card.id] = card
        return tuple(cards.values())

    def ready(self) -> bool:
        """Return whether any back end is ready (IModelBackend)."""
        return any(entry.backend.ready() for entry in self._entries.values())

    def embed(self, model: str, encode_body: Callable[[str], bytes], context: RequestContext) -> "Deferred[bytes]":
        """Request embeddings from the back end of the model (IEmbedder).

        There is no fallback: the vectors of another model are not comparable.
        """
        alias = self._aliases.get(model)
        entry = self._find_listing(model) if alias is None else self._find_target(alias)
        if entry is None:
            return self._embed_unlisted(model, encode_body, context)
        if entry.embedder is None:
            raise FaultError(fault("unsupported", _NO_EMBEDDINGS, param="model"))
        own_name = model if alias is None else entry.prefix + (alias.model or alias.name)
        return entry.embedder.embed(own_name, encode_body, context)

    def _embed_unlisted(
        self, model: str, encode_body: Callable[[str], bytes], context: RequestContext
    ) -> "Deferred[bytes]":
        refusal = self._no_embedding_model(model)
        for entry in self._prefix_matches_first(model):
            try:
                if entry.embedder is not None:
                    return entry.embedder.embed(model, encode_body, context)
            except FaultError as refused:
                if refused.fault.kind != _UNKNOWN:
                    refusal = refused.fault
        raise FaultError(refusal)

    def _no_embedding_model(self, model: str) -> Fault:
        """Return the fault for a model that no back end has; `model` comes from the client."""
        name = "".join(letter if letter.isprintable() else "?" for letter in model[:_MODEL_CHARACTERS])
        message = f"The model '{name}' does not exist, or no upstream offers it."
        if not any(entry.embedder for entry in self._entries.values()):
            message += f" Codex has no embeddings. {_ADD_UPSTREAM}"
        return fault(_UNKNOWN, message, param="model")

    def _find_target(self, alias: RoutedAlias) -> BackendEntry | None:
        return self._entries.get(alias.upstream or alias.codex or self._home)

    def _find_home(self, candidates: Iterable[RouteCandidate]) -> str:
        """Return the only back end of Codex that may serve the attempts of a turn with fallbacks."""
        entries = [self._entries.get(candidate.backend or "") for candidate in candidates]
        return next((entry.name for entry in entries if entry is not None and entry.is_codex), self._home)

    def _attempt(self, candidate: RouteCandidate, context: RequestContext, home: str | None) -> Attempt:
        entry = None if candidate.backend is None else self._entries.get(candidate.backend)
        if entry is None:
            return Attempt(
                lambda sink: self._begin_by_model(candidate.turn, context, sink, home),
                lambda: self._load(self._find_listing(candidate.turn.model, home), candidate.turn),
            )
        turn = evolve(candidate.turn, model=entry.prefix + candidate.turn.model)
        return Attempt(lambda sink: entry.backend.begin(turn, context, sink), lambda: self._load(entry, turn))

    @staticmethod
    def _load(entry: BackendEntry | None, turn: Turn) -> BackendLoad:
        if entry is None or not entry.backend.ready():
            return "unknown"
        return "full" if entry.must_wait(turn) else "free"

    def _begin_by_model(self, turn: Turn, context: RequestContext, sink: IEventSink, home: str | None) -> ITurnHandle:
        """Start the response with the back end that lists the model, else with the first that accepts it.

        Args:
            home: the only back end of Codex that may be tried; None: any.

        Raises:
            FaultError: the refusal of that back end. If no back end accepts the model: `not_ready` if one of
                them may have it but has not listed its models yet, else `unknown_model`.
        """
        listing = self._find_listing(turn.model, home)
        if listing is not None:
            return listing.backend.begin(turn, context, sink)
        refusal = FaultError(fault(_UNKNOWN, param="model"))
        for entry in self._prefix_matches_first(turn.model, home):
            try:
                return entry.backend.begin(turn, context, sink)
            except FaultError as refused:
                if not _can_skip(entry, refused.fault):
                    raise
                if refusal.fault.kind == _UNKNOWN:
                    refusal = refused
        raise refusal

    def _prefix_matches_first(self, model: str, home: str | None = None) -> list[BackendEntry]:
        """Return all back ends, that with the longest matching prefix first; of Codex only `home`, if it is given."""
        return sorted(self._eligible(home), key=lambda entry: -match_length(entry.prefix, model))

    def _eligible(self, home: str | None) -> list[BackendEntry]:
        entries = self._entries.values()
        return [entry for entry in entries if home is None or not entry.is_codex or entry.name == home]

    def _find_listing(self, model: str, home: str | None = None) -> BackendEntry | None:
        entries = self._eligible(home)
        return next((entry for entry in entries if any(card.id == model for card in entry.backend.models())), None)


def _can_skip(entry: BackendEntry, refused: Fault) -> bool:
    """Return whether the next back end is tried after this one refused a model that no back end lists.

    An upstream that has not listed its models yet may be down for long, so it does not block the others.
    """
    return refused.kind == _UNKNOWN or (refused.kind == "not_ready" and not entry.is_codex)
