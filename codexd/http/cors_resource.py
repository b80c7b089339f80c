"""The root resource: applies the cross-origin rules to every response, errors included."""

from twisted.web.resource import IResource, Resource

from codexd.http.request import Request
from codexd.policy.cors import CorsPolicy


class CorsResource(Resource):
    """The root of the site.

    Args:
        routes: handles all requests but preflights.
        cors: which web pages may call.
    """

    isLeaf = True

    def __init__(self, routes: IResource, cors: CorsPolicy) -> None:
        super().__init__()
        self._routes = routes
        self._cors = cors

    def render(self, request: Request) -> None:
        """Answer a preflight without asking for a key; pass everything else to the routes."""
        origin = request.getHeader(b"origin")
        if request.method != b"OPTIONS":
            request.set_headers(self._cors.response_headers(origin))
            self._routes.render(request)
            return
        requested = request.getHeader(b"access-control-request-headers")
        private = request.getHeader(b"access-control-request-private-network")
        request.set_headers(self._cors.preflight_headers(origin, requested, private))
        request.setResponseCode(204)
        request.finish()
