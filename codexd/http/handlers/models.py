"""Handlers of `/v1/models`, `/v1/engines` and `/metrics`."""

from collections.abc import Callable
from typing import Final

from attrs import frozen

from codexd.fronts import models
from codexd.http.request import Request
from codexd.interfaces import ModelCard
from codexd.observe.metrics import CONTENT_TYPE, Metrics
from codexd.policy.key_policy import KeyPolicy
from codexd.policy.model_access import ModelAccess

_CLIENT_VERSION: Final = "client_version"
"""The parameter by which Codex, as a client, asks for the list in its own form."""


@frozen
class ModelHandlers:
    """List the models that the key of the request may use, or show one of them.

    Attributes:
        list_models: returns the models that the key of a policy can reach.
        access: which of them a key may use.
    """

    list_models: Callable[[KeyPolicy], tuple[ModelCard, ...]]
    access: ModelAccess

    def models(self, request: Request) -> bytes:
        """List the models."""
        for_codex = _CLIENT_VERSION in request.query
        return request.send(200, models.render_models(self._visible(request), for_codex))

    def model(self, request: Request, id: str) -> bytes:
        """Send one model.

        Raises:
            FaultError: `unknown_model`.
        """
        return request.send(200, models.render_model(self._visible(request), id))

    def engines(self, request: Request) -> bytes:
        """List the models as engines."""
        return request.send(200, models.render_engines(self._visible(request)))

    def engine(self, request: Request, id: str) -> bytes:
        """Send one model as an engine.

        Raises:
            FaultError: `unknown_model`.
        """
        return request.send(200, models.render_engine(self._visible(request), id))

    def _visible(self, request: Request) -> tuple[ModelCard, ...]:
        policy = request.context.policy
        return self.access.visible(policy, self.list_models(policy))


@frozen
class MetricsHandler:
    """Show the metrics."""

    registry: Metrics

    def metrics(self, request: Request) -> bytes:
        """Send the metrics in Prometheus' text format."""
        return request.send(200, self.registry.render(), CONTENT_TYPE)
