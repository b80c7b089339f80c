"""The route table. Paths are canonical here (path.py). A route authenticates unless it says that it is public."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from attrs import frozen
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from werkzeug.exceptions import MethodNotAllowed, NotFound

from codexd.fronts.dialect import Dialect
from codexd.fronts.openai import CHAT, COMPACT, COMPLETIONS, OPENAI, RESPONSES
from codexd.fronts.unknown_url import is_probe, unknown_url
from codexd.http.handlers.administration import AdminHandlers
from codexd.http.handlers.conversations import ConversationHandlers
from codexd.http.handlers.create import CreateHandlers
from codexd.http.handlers.embeddings import EmbeddingsHandler
from codexd.http.handlers.forwarding import ForwardingHandler
from codexd.http.handlers.models import MetricsHandler, ModelHandlers
from codexd.http.handlers.probes import ProbeHandlers
from codexd.http.handlers.recent_requests import RecentRequestHandlers
from codexd.http.handlers.stored_responses import StoredResponseHandlers
from codexd.http.handlers.usage import UsageHandlers
from codexd.http.key_access import KeyAccess
from codexd.http.path import canonical
from codexd.http.request import Request
from codexd.http.request_id import PathId
from codexd.neutral.fault import FaultError, fault
from codexd.policy.key_policy import FAMILIES

Handler = Callable[..., Any]


@frozen(kw_only=True)
class Handlers:
    """The handlers behind the routes."""

    create: CreateHandlers
    stored: StoredResponseHandlers
    conversations: ConversationHandlers
    models: ModelHandlers
    embeddings: EmbeddingsHandler
    forwarding: ForwardingHandler
    metrics: MetricsHandler
    usage: UsageHandlers
    probes: ProbeHandlers
    admin: AdminHandlers
    recent: RecentRequestHandlers


_FAMILIES: Final = {family: family for family in FAMILIES} | {
    "conversations": "responses",
    "engines": "models",
    "organization": "usage",
}
"""The family of endpoints that a path belongs to, by its first part."""

_PUBLIC_PATHS: Final[set[str]] = set()
"""The paths of the routes that need no API key."""

_app = Klein()
_app.url_map.converters["id"] = PathId


def _route(
    method: str, path: str, dialect: Dialect = OPENAI, public: bool = False, admin: bool = False
) -> Callable[[Handler], Handler]:
    """Declare a route.

    Args:
        method: the HTTP method.
        path: the path, with `<converter:name>` for its variables.
        dialect: the shape of its errors, and of its answers where it has some.
        public: needs no API key.
        admin: needs the API key of an administrator.
    """
    if public:
        _PUBLIC_PATHS.add(path)
    family = "" if public or admin else _FAMILIES[path.removeprefix("/v1").split("/")[1]]
    template = path.replace("<id:", "{").replace("<path:", "{").replace(">", "}")

    def declare(handler: Handler) -> Handler:
        @wraps(handler)
        def handle(routes: "Routes", request: Request, **variables: str) -> Any:
            request.record.route = template
            request.dialect = dialect
            if admin:
                request.site.authenticator.authenticate_admin(request)
            elif not public:
                request.site.authenticator.authenticate(request)
                routes.keys.admit(request, family)
                request.begin_trace()
            return handler(routes, request, **variables)

        route: Handler = _app.route(path, methods=[method])(handle)
        return route

    return declare


def _forwarded(path: str) -> Handler:
    """Declare a route whose requests are forwarded to an upstream."""

    def forward(routes: "Routes", request: Request) -> Deferred[bytes | None]:
        return routes.forwarding.forward(request, path)

    forward.__name__ = path  # Klein's name of the route
    return _route("POST", f"/v1/{path}")(forward)


def _asks_for_websocket(request: Request) -> bool:
    return request.method == b"GET" and (request.getHeader(b"upgrade") or b"").lower() == b"websocket"


def _is_open_to(request: Request) -> bool:
    """Return whether the caller may learn that a path or a method does not exist.

    An unknown caller may only of the public paths, and of those by which clients look for other servers.
    """
    path = canonical(request.path)
    return request.principal is not None or path in _PUBLIC_PATHS or is_probe(path)


class Routes:
    """Maps every path and method to its handler.

    Attributes:
        app: the Klein application.
        keys: applies the policies of API keys, to every route that is neither public nor for administrators.
        forwarding: the handler of the routes that are forwarded.
    """

    app = _app

    def __init__(self, handlers: Handlers, keys: KeyAccess) -> None:
        self.keys = keys
        self.forwarding = handlers.forwarding
        self._handlers = handlers

    # Answers.

    @_route("POST", "/v1/chat/completions", CHAT)
    def chat(self, request: Request) -> Deferred[bytes | None]:
        """Create a chat completion."""
        return self._handlers.create.create(request)

    @_route("POST", "/v1/completions", COMPLETIONS)
    def completions(self, request: Request) -> Deferred[bytes | None]:
        """Create a legacy completion."""
        return self._handlers.create.create(request)

    @_route("POST", "/v1/responses", RESPONSES)
    def responses(self, request: Request) -> Deferred[bytes | None]:
        """Create a response."""
        return self._handlers.create.create(request)

    @_route("POST", "/v1/embeddings")
    def embeddings(self, request: Request) -> Deferred[bytes]:
        """Create embeddings."""
        return self._handlers.embeddings.embed(request)

    moderations = _forwarded("moderations")
    image_generations = _forwarded("images/generations")
    image_edits = _forwarded("images/edits")
    image_variations = _forwarded("images/variations")
    speech = _forwarded("audio/speech")
    transcriptions = _forwarded("audio/transcriptions")
    translations = _forwarded("audio/translations")

    # Stored responses.

    @_route("POST", "/v1/responses/input_tokens", RESPONSES)
    async def input_tokens(self, request: Request) -> bytes:
        """Estimate the input tokens of a request."""
        return await self._handlers.stored.count_tokens(request)

    @_route("POST", "/v1/responses/compact", COMPACT)
    def compact(self, request: Request) -> Deferred[bytes | None]:
        """Compact a history."""
        return self._handlers.create.create(request)

    @_route("GET", "/v1/responses/<id:id>", RESPONSES)
    async def response(self, request: Request, id: str) -> bytes | None:
        """Send a response, or its stream."""
        return await self._handlers.stored.show(request, id)

    @_route("DELETE", "/v1/responses/<id:id>", RESPONSES)
    async def delete_response(self, request: Request, id: str) -> bytes:
        """Delete a response."""
        return await self._handlers.stored.delete(request, id)

    @_route("POST", "/v1/responses/<id:id>/cancel", RESPONSES)
    async def cancel_response(self, request: Request, id: str) -> bytes:
        """Cancel a background answer."""
        return await self._handlers.stored.cancel(request, id)

    @_route("GET", "/v1/responses/<id:id>/input_items", RESPONSES)
    async def input_items(self, request: Request, id: str) -> bytes:
        """List what the model was shown."""
        return await self._handlers.stored.input_items(request, id)

    # Conversations.

    @_route("POST", "/v1/conversations")
    async def create_conversation(self, request: Request) -> bytes:
        """Create a conversation."""
        return await self._handlers.conversations.create(request)

    @_route("GET", "/v1/conversations/<id:id>")
    async def conversation(self, request: Request, id: str) -> bytes:
        """Send a conversation."""
        return await self._handlers.conversations.show(request, id)

    @_route("POST", "/v1/conversations/<id:id>")
    async def update_conversation(self, request: Request, id: str) -> bytes:
        """Change a conversation's metadata."""
        return await self._handlers.conversations.update(request, id)

    @_route("DELETE", "/v1/conversations/<id:id>")
    async def delete_conversation(self, request: Request, id: str) -> bytes:
        """Delete a conversation."""
        return await self._handlers.conversations.delete(request, id)

    @_route("GET", "/v1/conversations/<id:id>/items")
    async def items(self, request: Request, id: str) -> bytes:
        """List a conversation's items."""
        return await self._handlers.conversations.items(request, id)

    @_route("POST", "/v1/conversations/<id:id>/items")
    async def append_items(self, request: Request, id: str) -> bytes:
        """Append items to a conversation."""
        return await self._handlers.conversations.append_items(request, id)

    @_route("GET", "/v1/conversations/<id:id>/items/<id:item_id>")
    async def item(self, request: Request, id: str, item_id: str) -> bytes:
        """Send one item of a conversation."""
        return await self._handlers.conversations.item(request, id, item_id)

    @_route("DELETE", "/v1/conversations/<id:id>/items/<id:item_id>")
    async def remove_item(self, request: Request, id: str, item_id: str) -> bytes:
        """Remove one item from a conversation."""
        return await self._handlers.conversations.remove_item(request, id, item_id)

    # Models and metrics.

    @_route("GET", "/v1/models")
    def models(self, request: Request) -> bytes:
        """List the models."""
        return self._handlers.models.models(request)

    @_route("GET", "/v1/models/<path:id>")
    def model(self, request: Request, id: str) -> bytes:
        """Send one model; its id may contain slashes."""
        return self._handlers.models.model(request, id)

    @_route("GET", "/v1/engines")
    def engines(self, request: Request) -> bytes:
        """List the models as clients of before 2023 expect them."""
        return self._handlers.models.engines(request)

    @_route("GET", "/v1/engines/<path:id>")
    def engine(self, request: Request, id: str) -> bytes:
        """Send one model as an engine."""
        return self._handlers.models.engine(request, id)

    @_route("GET", "/metrics")
    def metrics(self, request: Request) -> bytes:
        """Send the metrics."""
        return self._handlers.metrics.metrics(request)

    # Usage.

    @_route("GET", "/v1/usage")
    async def usage(self, request: Request) -> bytes:
        """Send sums of usage, or rows."""
        return await self._handlers.usage.usage(request)

    @_route("GET", "/v1/usage/raw")
    async def usage_rows(self, request: Request) -> bytes:
        """Send a page of rows of usage."""
        return await self._handlers.usage.rows(request)

    @_route("GET", "/v1/usage/limits")
    def usage_limits(self, request: Request) -> bytes:
        """Send the limits of the Codex account."""
        return self._handlers.usage.limits(request)

    @_route("GET", "/v1/organization/usage/completions")
    async def completions_usage(self, request: Request) -> bytes:
        """Send the usage of completions as OpenAI does."""
        return await self._handlers.usage.completions(request)

    # Administration.

    @_route("GET", "/admin/maintenance", admin=True)
    def maintenance(self, request: Request) -> bytes:
        """Send the state of maintenance."""
        return self._handlers.admin.show_maintenance(request)

    @_route("POST", "/admin/maintenance", admin=True)
    def switch_maintenance(self, request: Request) -> bytes:
        """Switch maintenance on or off."""
        return self._handlers.admin.switch_maintenance(request)

    @_route("POST", "/admin/reload", admin=True)
    def reload(self, request: Request) -> bytes:
        """Reload the settings."""
        return self._handlers.admin.reload_settings(request)

    @_route("POST", "/admin/workers/recycle", admin=True)
    def recycle(self, request: Request) -> bytes:
        """Replace the Codex processes by new ones."""
        return self._handlers.admin.recycle_workers(request)

    @_route("GET", "/admin/requests", admin=True)
    def requests(self, request: Request) -> bytes:
        """List the running requests and the last ones."""
        return self._handlers.recent.list(request)

    @_route("GET", "/admin/requests/<id:id>", admin=True)
    def request(self, request: Request, id: str) -> bytes:
        """Send the timeline of a request."""
        return self._handlers.recent.show(request, id)

    # Probes.

    @_route("GET", "/v1", public=True)
    def index(self, request: Request) -> bytes:
        """Send the name and the version of this server; `/` is the same path."""
        return self._handlers.probes.index(request)

    @_route("GET", "/openapi.json", public=True)
    def description(self, request: Request) -> bytes:
        """Send the OpenAPI description."""
        return self._handlers.probes.description(request)

    @_route("GET", "/livez", public=True)
    def live(self, request: Request) -> bytes:
        """Report liveness."""
        return self._handlers.probes.live(request)

    @_route("GET", "/readyz", public=True)
    def ready(self, request: Request) -> bytes:
        """Report readiness."""
        return self._handlers.probes.ready(request)

    @_route("GET", "/healthz", public=True)
    def health(self, request: Request) -> bytes:
        """Report both."""
        return self._handlers.probes.health(request)

    @_route("GET", "/health", public=True)
    def llama_health(self, request: Request) -> bytes:
        """Report readiness at the path where llama.cpp and vLLM do."""
        return self._handlers.probes.ready(request)

    @_app.handle_errors  # type: ignore[call-overload]
    def failed(self, request: Request, failure: Failure) -> bytes:
        """Send the error of a request that failed before its answer began."""
        error = failure.value
        if isinstance(error, FaultError):
            return request.refuse(error.fault)
        if isinstance(error, NotFound | MethodNotAllowed) and not _is_open_to(request):
            return request.refuse(request.site.authenticator.explain_rejection(request))
        if isinstance(error, NotFound):
            return request.refuse(unknown_url(canonical(request.path)))
        if isinstance(error, MethodNotAllowed) and _asks_for_websocket(request):
            # Codex then falls back to HTTP at once; it repeats the upgrade several times after any other status.
            request.set_headers(((b"upgrade", b"HTTP/1.1"), (b"connection", b"Upgrade")))
            return request.refuse(fault("no_websocket"))
        if isinstance(error, MethodNotAllowed):
            allowed = sorted((*(error.valid_methods or ()), "OPTIONS"))
            request.setHeader(b"allow", ", ".join(allowed).encode())
            return request.refuse(fault("method_not_allowed"))
        return request.refuse_defect(failure)
