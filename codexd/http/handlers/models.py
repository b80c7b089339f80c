"""Handlers of `/v1/models`, `/v1/engines` and `/metrics`."""

from attrs import frozen

from codexd.fronts import models
from codexd.http.request import Request
from codexd.interfaces import IModelBackend
from codexd.observe.metrics import CONTENT_TYPE, Metrics


@frozen
class ModelHandlers:
    """List the models, or show one."""

    backend: IModelBackend

    def models(self, request: Request) -> bytes:
        """List the models."""
        return request.send(200, models.render_models(self.backend.models()))

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
