"""Handlers of the probes: liveness and readiness. Their bodies contain nothing else, because they need no API key."""

from attrs import frozen

from codexd.answers.registry import ActiveAnswers
from codexd.http.request import Request
from codexd.interfaces import IModelBackend
from codexd.wire import json


@frozen
class ProbeHandlers:
    """Report the state of the daemon.

    Attributes:
        backend: ready or not.
        active: draining when the daemon stops.
    """

    backend: IModelBackend
    active: ActiveAnswers

    def live(self, request: Request) -> bytes:
        """Answer `/livez`: 200 while the daemon runs."""
        return _send(request, 200, {"status": "ok"})

    def ready(self, request: Request) -> bytes:
        """Answer `/readyz`: 200 when a request would be served now, else 503."""
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
