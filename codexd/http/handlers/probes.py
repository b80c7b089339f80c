"""Handlers of the probes: what this server is, liveness, readiness. They are public and contain nothing else."""

from typing import Final

from attrs import frozen

from codexd import __version__
from codexd.answers.registry import ActiveAnswers
from codexd.http.request import Request
from codexd.interfaces import IModelBackend
from codexd.wire import json

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
    """

    backend: IModelBackend
    active: ActiveAnswers

    def index(self, request: Request) -> bytes:
        """Answer `/` and `/v1`: what this server is. No models: clients without a key must not learn them."""
        return _send(request, 200, _INDEX)

    def live(self, request: Request) -> bytes:
        """Answer `/livez`: 200 while the daemon runs."""
        return _send(request, 200, {"status": "ok"})

    def ready(self, request: Request) -> bytes:
        """Answer `/readyz` and `/health`: 200 when a request would be served now, else 503."""
        ready = self._is_ready()
        return _send(request, 200 if ready else 503, {"status": "ok" if ready else "unavailable"})

    def health(self, request: Request) -> bytes:
        """Answer `/healthz`: both in one body, with the status of readiness."""
        ready = self._is_ready()
        body = {"status": "ok" if ready else "unavailable", "live": True, "ready": ready}
        return _send(request, 200 if ready else 503, body)

    def _is_ready(self) -> bool:
        return not self.active.draining and bool(self.backend.ready())


def _send(request: Request, status: int, body: json.Json) -> bytes:
    request.setHeader(b"cache-control", b"no-store")
    return request.send(status, json.encode(body))
