"""Handlers of the probes: what this server is, liveness, readiness. They are public.

Who may read the metrics also sees the accounts of Codex, without whose login requests fail.
"""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from codexd import __version__
from codexd.administration.maintenance import MaintenanceSwitch
from codexd.answers.registry import ActiveAnswers
from codexd.fronts.openapi import render_description
from codexd.http.request import Request
from codexd.interfaces import IModelBackend, IStore
from codexd.neutral.login_state import LoginState
from codexd.wire import json

_READY: Final = ("ok", "degraded")
"""The statuses in which requests are served; a chat request needs no store."""

_INDEX: Final[json.Json] = {
    "name": "codexd",
    "version": __version__,
    "api": "OpenAI-compatible; its base URL is this server's address followed by /v1",
    "links": {"models": "/v1/models", "health": "/healthz", "metrics": "/metrics", "openapi": "/openapi.json"},
}


@frozen(kw_only=True)
class ProbeHandlers:
    """Report the state of the daemon.

    Attributes:
        backend: ready or not.
        active: draining when the daemon stops.
        maintenance: refuses requests for work.
        store: while it has a problem, the daemon is degraded, but serves what needs no store.
        accounts: returns the accounts of the Codex back ends, by the names of the back ends.
        now: returns Unix time in seconds.
    """

    backend: IModelBackend
    active: ActiveAnswers
    maintenance: MaintenanceSwitch
    store: IStore
    accounts: Callable[[], Mapping[str, LoginState]]
    now: Callable[[], float]

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
        return _send(request, _code(status), {"status": status, **self._details(request)})

    def health(self, request: Request) -> bytes:
        """Answer `/healthz`: both in one body, with the status of readiness, and what is wrong with the store."""
        status = self.status
        body: dict[str, json.Json] = {"status": status, "live": True, "ready": status in _READY}
        problem = self.store.problem()
        if problem is not None:
            body["store"] = problem
        return _send(request, _code(status), body | self._details(request))

    def _details(self, request: Request) -> dict[str, json.Json]:
        """Return the account, or with several back ends of Codex their accounts by name, for those who may see them."""
        if not request.site.authenticator.may_see_details(request):
            return {}
        now = self.now()
        accounts = {name: _describe_account(state, now) for name, state in self.accounts().items()}
        if len(accounts) == 1:
            return {"account": next(iter(accounts.values()))}
        return {"accounts": accounts} if accounts else {}

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


def _describe_account(state: LoginState, now: float) -> json.Json:
    if state.type is None:
        return "logged out"
    ends = state.expires_at
    left = None if ends is None else round(ends - now)
    return {"type": state.type, "plan": state.plan, "expires_at": ends, "expires_in_seconds": left}


def _code(status: str) -> int:
    return 200 if status in _READY else 503


def _send(request: Request, status: int, body: json.Json) -> bytes:
    request.setHeader(b"cache-control", b"no-store")
    return request.send(status, json.encode(body))
