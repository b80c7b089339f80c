"""The least that a Twisted proxy can do: bytes of a request to an upstream, bytes of its answer back.

Nothing is read, checked, counted or limited. It is what codexd's own cost is held against.
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


class _Passing(Protocol):
    def __init__(self, request: Request) -> None:
        self._request = request

    def dataReceived(self, data: bytes) -> None:
        self._request.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._request.finish()


class Proxy(Resource):
    """Passes everything on."""

    isLeaf = True

    def __init__(self, agent: Agent, upstream: bytes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._agent = agent
        self._upstream = upstream

    def render(self, request: Request) -> int:
        """Pass one request on."""
        assert request.content is not None
        asked = self._agent.request(
            request.method,
            self._upstream + request.uri,
            Headers({b"content-type": [b"application/json"]}),
            FileBodyProducer(BytesIO(request.content.read())),
        )
        asked.addCallback(self._pass, request)
        return NOT_DONE_YET

    def _pass(self, response: IResponse, request: Request) -> None:
        request.setHeader(b"content-type", b"text/event-stream")
        response.deliverBody(_Passing(request))


def main(reactor: Any, port: str, upstream: str) -> "Deferred[None]":
    """Serve for ever."""
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = 64
    proxy = Proxy(Agent(reactor, pool=pool), b"http://127.0.0.1:" + upstream.encode())
    reactor.listenTCP(int(port), Site(proxy), interface="127.0.0.1")
    return Deferred()


if __name__ == "__main__":
    react(main, sys.argv[1:])
