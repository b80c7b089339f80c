"""The routes of the status page. A route is for visitors unless it says that it is for anyone."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import parse_qsl

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from werkzeug.exceptions import MethodNotAllowed, NotFound

from codexd.http.body import read_body
from codexd.http.handlers.page import PageHandlers
from codexd.http.handlers.playground import PlaygroundHandlers
from codexd.http.page_access import Visitor
from codexd.http.page_response import refuse_with_page, set_page_headers, wants_events
from codexd.http.request import Request
from codexd.http.request_id import PathId
from codexd.neutral.fault import Fault, FaultError, fault

ROOT: Final = b"/"
_PREFIX: Final = b"/status/"
_FORM: Final = b"application/x-www-form-urlencoded"
_MAX_FORM_BYTES: Final = 2**16
_MAX_FIELDS: Final = 256

_app = Klein()
_app.url_map.converters["id"] = PathId

Handler = Callable[..., Any]


def is_page_request(request: Request) -> bool:
    """Return whether a request is for the page: below `/status`, or for `/` by a browser.

    `/` is the same path as `/v1` for every other client: browsers ask for `text/html`.
    """
    path = request.path
    if path != ROOT:
        return path.startswith(_PREFIX)
    return request.method in (b"GET", b"HEAD") and b"text/html" in (request.getHeader(b"accept") or b"").lower()


def _route(method: str, path: str, for_anyone: bool = False) -> Callable[[Handler], Handler]:
    """Declare a route.

    Args:
        method: `GET`, or `POST` for a form.
        path: the path, with `<converter:name>` for its variables.
        for_anyone: also for who has not signed in.
    """
    template = path.replace("<id:", "{").replace(">", "}")

    def declare(handler: Handler) -> Handler:
        @wraps(handler)
        def handle(routes: "PageRoutes", request: Request, **variables: Any) -> Any:
            request.record.route = template
            set_page_headers(request)
            visitor = routes.page.access.identify(request)
            if method == "POST":
                variables["fields"] = fields = _read_form(request)
                routes.page.access.check_form(request, visitor, fields.get("token", ""))
            if visitor is not None:
                routes.page.access.admit(request, visitor)
            elif not for_anyone:
                return routes.page.ask_to_sign_in(request)
            return handler(routes, request, visitor, **variables)

        route: Handler = _app.route(path, methods=[method])(handle)
        return route

    return declare


def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        FaultError: as `read_body`; `malformed_form`.
    """
    body = read_body(request, _MAX_FORM_BYTES, (_FORM,))
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise FaultError(fault("malformed_form", "The form has too many fields.")) from None
    return dict(fields)


class PageRoutes:
    """Maps the paths of the page to its handlers.

    Attributes:
        app: the Klein application.
        page: the handlers of the status page and of the sign-in.
        playground: the handlers of the playground.
    """

    app = _app

    def __init__(self, page: PageHandlers, playground: PlaygroundHandlers) -> None:
        self.page = page
        self.playground = playground

    def build_resource(self) -> IResource:
        """Build the resource that serves the routes."""
        resource: IResource = self.app.resource()
        return resource

    @_route("GET", "/")
    async def status(self, request: Request, visitor: Visitor) -> bytes:
        """Send the status page."""
        return await self.page.status(request, visitor)

    @_route("GET", "/status/requests/<id:id>")
    def request(self, request: Request, visitor: Visitor, id: str) -> bytes:
        """Send the page of one request."""
        return self.page.show_request(request, visitor, id)

    @_route("POST", "/status/maintenance")
    def maintenance(self, request: Request, visitor: Visitor, fields: dict[str, str]) -> bytes:
        """Switch maintenance."""
        return self.page.switch_maintenance(request, fields)

    @_route("GET", "/status/playground")
    def playground_form(self, request: Request, visitor: Visitor) -> bytes:
        """Send the playground."""
        return self.playground.show(request, visitor)

    @_route("POST", "/status/playground")
    def ask(self, request: Request, visitor: Visitor, fields: dict[str, str]) -> "Deferred[bytes | None] | bytes":
        """Ask the model."""
        return self.playground.ask(request, visitor, fields)

    @_route("POST", "/status/sign-in", for_anyone=True)
    def sign_in(self, request: Request, visitor: Visitor | None, fields: dict[str, str]) -> bytes:
        """Sign the browser in."""
        return self.page.sign_in(request, fields)

    @_route("POST", "/status/sign-out", for_anyone=True)
    def sign_out(self, request: Request, visitor: Visitor | None, fields: dict[str, str]) -> bytes:
        """Sign the browser out."""
        return self.page.sign_out(request)

    @_route("GET", "/status/style.css", for_anyone=True)
    def style(self, request: Request, visitor: Visitor | None) -> bytes:
        """Send the style sheet."""
        return self.page.asset(request, "style.css")

    @_route("GET", "/status/script.js", for_anyone=True)
    def script(self, request: Request, visitor: Visitor | None) -> bytes:
        """Send the script."""
        return self.page.asset(request, "script.js")

    @_app.handle_errors  # type: ignore[call-overload]
    def failed(self, request: Request, failure: Failure) -> bytes:
        """Send the error of a request that failed before its answer began."""
        set_page_headers(request)
        refused = _as_fault(request, failure)
        return request.refuse(refused) if wants_events(request) else refuse_with_page(request, refused)


def _as_fault(request: Request, failure: Failure) -> Fault:
    error = failure.value
    if isinstance(error, FaultError):
        return error.fault
    if isinstance(error, NotFound):
        return fault("unknown_url")
    if isinstance(error, MethodNotAllowed):
        request.setHeader(b"allow", ", ".join(sorted(error.valid_methods or ())).encode())
        return fault("method_not_allowed")
    request.site.request_log.log_internal_error(request.record, failure)
    return fault("internal")
