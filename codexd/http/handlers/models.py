"""Handlers of `/v1/models`, `/v1/engines` and `/metrics`."""

from typing import Final

from attrs import frozen

from codexd.fronts import models
from codexd.http.request import Request
from codexd.interfaces import IModelBackend
from codexd.observe.metrics import CONTENT_TYPE, Metrics

_CLIENT_VERSION: Final = "client_version"
"""The parameter by which Codex, as a client, asks for the list in its own form."""


@frozen
class ModelHandlers:
    """List the models, or show one."""

    backend: IModelBackend

    def models(self, request: Request) -> bytes:
        """List the models."""
        for_codex = _CLIENT_VERSION in request.query
        return request.send(200, models.render_models(self.backend.models(), for_codex))

    def model(self, request: Request, id: str) -> bytes:
        """Send one model.

        Raises:
            FaultError: `unknown_model`.
        """
        return request.send(200, models.render_model(self.backend.models(), id))

    def engines(self, request: Request) -> bytes:
        """List the models as engines."""
        return request.send(200, models.render_engines(self.backend.models()))

    def engine(self, request: Request, id: str) -> bytes:
        """Send one model as an engine.

        Raises:
            FaultError: `unknown_model`.
        """
        return request.send(200, models.render_engine(self.backend.models(), id))


@frozen
class MetricsHandler:
    """Show the metrics."""

    registry: Metrics

    def metrics(self, request: Request) -> bytes:
        """Send the metrics in Prometheus' text format."""
        return request.send(200, self.registry.render(), CONTENT_TYPE)
