"""Handlers of the probes: what this server is, liveness, readiness. They are public and contain nothing else."""

from typing import Final

from attrs import frozen

from codexd import __version__
from codexd.administration.maintenance import MaintenanceSwitch
from codexd.answers.registry import ActiveAnswers
from codexd.fronts.openapi import render_description
from codexd.http.request import Request
from codexd.interfaces import IModelBackend, IStore
from codexd.wire import json

_READY: Final = ("ok", "degraded")
"""The statuses in which requests are served; a chat request needs no store."""

_INDEX: Final[json.Json] = {
    "name": "codexd",
    "version": __version__,
    "api": "OpenAI-compatible; its base URL is this server's address followed by /v1",
    "links": {"models": "/v1/models", "health": "/healthz", "metrics": "/metrics", "openapi": "/openapi.json"},
}


@frozen
class ProbeHandlers:
    """Report the state of the daemon.

    Attributes:
        backend: ready or not.
        active: draining when the daemon stops.
        maintenance: refuses requests for work.
        store: while it has a problem, the daemon is degraded, but serves what needs no store.
    """

    backend: IModelBackend
    active: ActiveAnswers
    maintenance: MaintenanceSwitch
    store: IStore

    def index(self, request: Request) -> bytes:
        """Answer `/` and `/v1`: what this server is. No models: clients without a key must not learn them."""
        return _send(request, 200, _INDEX)

    def description(self, request: Request) -> bytes:
        """Answer `/openapi.json`: what every codexd offers, whatever its configuration."""
        return request.send(200, render_description())

    def live(self, request: Request) -> bytes:
        """Answer `/livez`: 200 while the daemon runs."""
        return _send(request, 200, {"status": "ok"})

    def ready(self, request: Request) -> bytes:
        """Answer `/readyz` and `/health`: 200 when a request would be served now, else 503."""
        status = self.status
        return _send(request, _code(status), {"status": status})

    def health(self, request: Request) -> bytes:
        """Answer `/healthz`: both in one body, with the status of readiness, and what is wrong with the store."""
        status = self.status
        body: dict[str, json.Json] = {"status": status, "live": True, "ready": status in _READY}
        problem = self.store.problem()
        if problem is not None:
            body["store"] = problem
        return _send(request, _code(status), body)

    @property
    def status(self) -> str:
        """Whether requests are served: `ok`, `degraded`, `maintenance` or `unavailable`."""
        if self.active.draining:
            return "unavailable"
        if self.maintenance.state.enabled:
            return "maintenance"
        if not self.backend.ready():
            return "unavailable"
        return "ok" if self.store.problem() is None else "degraded"


def _code(status: str) -> int:
    return 200 if status in _READY else 503


def _send(request: Request, status: int, body: json.Json) -> bytes:
    request.setHeader(b"cache-control", b"no-store")
    return request.send(status, json.encode(body))
