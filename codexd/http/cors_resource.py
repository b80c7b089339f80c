"""The root resource: checks what every request must fulfil, and applies the cross-origin rules to every response."""

from typing import Final

from twisted.internet.address import UNIXAddress
from twisted.web.resource import IResource, Resource

from codexd.http.page_routes import is_page_request
from codexd.http.path import canonical
from codexd.http.request import METHODS, Request
from codexd.http.request_head import authority_of
from codexd.neutral.fault import Fault, fault
from codexd.policy.cors import CorsPolicy
from codexd.policy.hosts import HostPolicy

_PROBES: Final = frozenset(("/livez", "/readyz", "/healthz", "/health"))
"""Answered for every host: supervisors call them by any name, and they say only whether this server is ready."""


class CorsResource(Resource):
    """The root of the site.

    Args:
        routes: handles all requests but preflights.
        cors: which web pages may call.
        hosts: by which host names this server may be called.
        page: handles the requests of browsers for the status page, to which no other origin has access; None for no
            page.
    """

    isLeaf = True

    def __init__(self, routes: IResource, cors: CorsPolicy, hosts: HostPolicy, page: IResource | None = None) -> None:
        super().__init__()
        self._routes = routes
        self._cors = cors
        self._hosts = hosts
        self._page = page

    def render(self, request: Request) -> None:
        """Answer a preflight without asking for a key; pass everything else to the routes."""
        if not self._is_host_allowed(request):
            _refuse(request, fault("host_not_allowed"))
            return
        if self._page is not None and is_page_request(request):
            request.postpath = request.path.split(b"/")[1:]
            self._page.render(request)
            return
        origin = request.getHeader(b"origin")
        if request.method != b"OPTIONS":
            request.set_headers(self._cors.response_headers(origin))
            if request.method in METHODS:
                self._routes.render(request)
            else:
                _refuse(request, fault("method_unknown"))
            return
        requested = request.getHeader(b"access-control-request-headers")
        private = request.getHeader(b"access-control-request-private-network")
        request.set_headers(self._cors.preflight_headers(origin, requested, private))
        request.setResponseCode(204)
        request.finish()

    def _is_host_allowed(self, request: Request) -> bool:
        """Return whether a request may name its host; no browser can open a Unix socket."""
        if self._hosts.any_host or isinstance(request.host, UNIXAddress) or canonical(request.path) in _PROBES:
            return True
        # The host of an absolute target takes precedence (RFC 9112, 3.2.2).
        return self._hosts.allows(authority_of(request.uri) or request.getHeader(b"host"))


def _refuse(request: Request, wrong: Fault) -> None:
    request.write(request.refuse(wrong))
    request.finish()
