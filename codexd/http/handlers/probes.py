"""Handlers of the probes: what this server is, liveness, readiness. They are public and contain nothing else."""

from typing import Final

from attrs import frozen

from codexd import __version__
from codexd.administration.maintenance import MaintenanceSwitch
from codexd.answers.registry import ActiveAnswers
from codexd.http.request import Request
from codexd.interfaces import IModelBackend
from codexd.wire import json

_OK: Final = "ok"
_INDEX: Final[json.Json] = {
    "name": "codexd",
    "version": __version__,
    "api": "OpenAI-compatible; its base URL is this server's address followed by /v1",
    "links": {"models": "/v1/models", "health": "/healthz", "metrics": "/metrics"},
}


@frozen
class ProbeHandlers:
    """Report the state of the daemon.

    Attributes:
        backend: ready or not.
        active: draining when the daemon stops.
        maintenance: refuses requests for work.
    """

    backend: IModelBackend
    active: ActiveAnswers
    maintenance: MaintenanceSwitch

    def index(self, request: Request) -> bytes:
        """Answer `/` and `/v1`: what this server is. No models: clients without a key must not learn them."""
        return _send(request, 200, _INDEX)

    def live(self, request: Request) -> bytes:
        """Answer `/livez`: 200 while the daemon runs."""
        return _send(request, 200, {"status": "ok"})

    def ready(self, request: Request) -> bytes:
        """Answer `/readyz` and `/health`: 200 when a request would be served now, else 503."""
        status = self._status()
        return _send(request, _code(status), {"status": status})

    def health(self, request: Request) -> bytes:
        """Answer `/healthz`: both in one body, with the status of readiness."""
        status = self._status()
        return _send(request, _code(status), {"status": status, "live": True, "ready": status == _OK})

    def _status(self) -> str:
        if self.active.draining:
            return "unavailable"
        if self.maintenance.state.enabled:
            return "maintenance"
        return _OK if self.backend.ready() else "unavailable"


def _code(status: str) -> int:
    return 200 if status == _OK else 503


def _send(request: Request, status: int, body: json.Json) -> bytes:
    request.setHeader(b"cache-control", b"no-store")
    return request.send(status, json.encode(body))
