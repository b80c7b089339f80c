"""Liveness and readiness, for whoever runs the daemon: bodies that tell a stranger nothing else."""

from attrs import frozen

from codexd.http.doorman import Doorman
from codexd.http.request import Request
from codexd.interfaces import IModelBackend
from codexd.wire import json


@frozen
class Probes:
    """Tells how the daemon is.

    Attributes:
        backend: ready or not.
        doorman: closed when the daemon is stopping.
    """

    backend: IModelBackend
    doorman: Doorman

    def live(self, request: Request) -> bytes:
        """Answer `/livez`: whoever can answer lives."""
        return _say(request, 200, {"status": "ok"})

    def ready(self, request: Request) -> bytes:
        """Answer `/readyz`: 200 when a request would be served now, else 503."""
        ready = self._is_ready()
        return _say(request, 200 if ready else 503, {"status": "ok" if ready else "unavailable"})

    def health(self, request: Request) -> bytes:
        """Answer `/healthz`: both in one, with the status of readiness."""
        ready = self._is_ready()
        said = {"status": "ok" if ready else "unavailable", "live": True, "ready": ready}
        return _say(request, 200 if ready else 503, said)

    def _is_ready(self) -> bool:
        return not self.doorman.closed and bool(self.backend.ready())


def _say(request: Request, status: int, said: json.Json) -> bytes:
    request.setHeader(b"cache-control", b"no-store")
    return request.send(status, json.encode(said))
