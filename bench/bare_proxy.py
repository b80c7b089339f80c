"""A minimal Twisted proxy, the baseline for the cost of codexd.

It forwards bytes in both directions without parsing, checking, counting or limiting anything.
"""

import sys
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import react
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site


class _ResponseForwarder(Protocol):
    def __init__(self, request: Request) -> None:
        self._request = request

    def dataReceived(self, data: bytes) -> None:
        self._request.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._request.finish()


class Proxy(Resource):
    """Forwards every request."""

    isLeaf = True

    def __init__(self, agent: Agent, upstream: bytes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._agent = agent
        self._upstream = upstream

    def render(self, request: Request) -> int:
        """Forward one request (IResource)."""
        assert request.content is not None
        response = self._agent.request(
            request.method,
            self._upstream + request.uri,
            Headers({b"content-type": [b"application/json"]}),
            FileBodyProducer(BytesIO(request.content.read())),
        )
        response.addCallback(self._forward_response, request)
        return NOT_DONE_YET

    def _forward_response(self, response: IResponse, request: Request) -> None:
        request.setHeader(b"content-type", b"text/event-stream")
        response.deliverBody(_ResponseForwarder(request))


def main(reactor: Any, port: str, upstream: str) -> "Deferred[None]":
    """Serve until killed."""
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = 64
    proxy = Proxy(Agent(reactor, pool=pool), b"http://127.0.0.1:" + upstream.encode())
    reactor.listenTCP(int(port), Site(proxy), interface="127.0.0.1")
    return Deferred()


if __name__ == "__main__":
    react(main, sys.argv[1:])
