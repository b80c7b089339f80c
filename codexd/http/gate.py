"""What every request passes first, and what no error gets around: the cross-origin rules."""

from twisted.web.resource import IResource, Resource

from codexd.http.request import Request
from codexd.policy.cors import CorsPolicy


class Gate(Resource):
    """The root of the site.

    Args:
        routes: where requests go that are not preflights.
        cors: which pages may ask.
    """

    isLeaf = True

    def __init__(self, routes: IResource, cors: CorsPolicy) -> None:
        super().__init__()
        self._routes = routes
        self._cors = cors

    def render(self, request: Request) -> None:
        """Answer a preflight here and at once, before any key is asked for; leave all else to the routes."""
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
