"""Chooses the router of the API key: a key with a CODEX_HOME of its own sees no other one."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IEmbedder, IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.turn import Turn
from codexd.policy.key_policy import KeyPolicy
from codexd.routing.router import ModelRouter

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


@implementer(IModelBackend, IEmbedder)
class HomeRouter:
    """Presents the routers of all keys as one.

    Args:
        router: serves the keys without a home.
        by_home: serve the others, by the names of the homes.
    """

    def __init__(self, router: ModelRouter, by_home: Mapping[str, ModelRouter]) -> None:
        self._router = router
        self._by_home = by_home

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a response (IModelBackend)."""
        return self._choose(context.policy).begin(turn, context, sink)

    def models(self) -> tuple[ModelCard, ...]:
        """Return the models of all homes (IModelBackend)."""
        return self._router.models()

    def models_of(self, policy: KeyPolicy) -> tuple[ModelCard, ...]:
        """Return the models of all homes that a key may use."""
        return self._choose(policy).models()

    def ready(self) -> bool:
        """Return whether any back end is ready (IModelBackend)."""
        return self._router.ready()

    def embed(self, model: str, encode_body: Callable[[str], bytes], context: RequestContext) -> "Deferred[bytes]":
        """Request embeddings (IEmbedder)."""
        return self._choose(context.policy).embed(model, encode_body, context)

    def _choose(self, policy: KeyPolicy) -> ModelRouter:
        return self._router if policy.codex is None else self._by_home.get(policy.codex, self._router)
