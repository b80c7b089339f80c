"""The HTTP client of one upstream: its address, its key, its connections."""

from typing import Any, Final

from hyperlink import EncodedURL
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web.client import URI, Agent, HTTPConnectionPool, ProxyAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from codexd import __version__
from codexd.settings import Upstream
from codexd.upstream.endpoints import Endpoints
from codexd.upstream.reads import Reads

_IDLE_CONNECTION_SECONDS: Final = 60
"""How long an unused connection is kept: less than most servers keep theirs."""


class _Address(EncodedURL):
    """A URL that is one as it stands: treq would encode its host anew with every request."""

    def to_uri(self) -> "_Address":
        return self


@implementer(IBodyProducer)
class _Body:
    """A request's body, which is there already: written at once."""

    def __init__(self, body: bytes) -> None:
        self.length = len(body)
        self._body = body

    def startProducing(self, consumer: IConsumer) -> "Deferred[None]":
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """It is written already."""

    def resumeProducing(self) -> None:
        """It is written already."""

    def stopProducing(self) -> None:
        """It is written already."""


class Client:
    """Asks one upstream. Redirects are not followed, cookies not kept: both would carry the key elsewhere.

    Args:
        agent: makes connections.
        base_url: the upstream's.
        key: its API key; None sends none.
        clock: the reactor's, so that nobody looks for another.
        pool: what `close` closes.
        reads: of its connections.

    Attributes:
        reads: of its connections.
    """

    def __init__(
        self,
        agent: IAgent,
        base_url: str,
        key: str | None,
        clock: Any,
        pool: HTTPConnectionPool | None = None,
        reads: Reads | None = None,
    ) -> None:
        self.reads = reads or Reads()
        self._agent = agent
        self._base = EncodedURL.from_text(base_url.rstrip("/")).to_uri().to_text()
        self._addresses: dict[str, EncodedURL] = {}
        self._clock = clock
        self._pool = pool
        headers = {
            b"accept": [b"text/event-stream, application/json"],
            b"content-type": [b"application/json"],
            b"user-agent": [f"codexd/{__version__}".encode()],
        }
        if key is not None:
            headers[b"authorization"] = [b"Bearer " + key.encode("ascii")]
        self._headers = Headers(headers)

    @classmethod
    def built(cls, settings: Upstream, key: str | None, authorities: bytes | None, reactor: Any) -> "Client":
        """Make the client of an upstream, with connections of its own.

        Args:
            settings: the upstream's.
            key: its API key.
            authorities: what is in its `ca_file`.
            reactor: provides IReactorTCP and IReactorTime.

        Raises:
            ValueError: when `authorities` hold no certificate.
        """
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = settings.max_connections
        pool.cachedConnectionTimeout = _IDLE_CONNECTION_SECONDS
        proxy = None if settings.proxy is None else URI.fromBytes(settings.proxy.encode("ascii"))
        reads = Reads()
        endpoints = Endpoints(reactor, settings.connect_seconds, proxy, authorities, reads)
        agent: IAgent
        if proxy is not None and settings.base_url.lower().startswith("http:"):
            # Without TLS a proxy is asked for the whole address.
            agent = ProxyAgent(endpoints.endpointForURI(proxy), reactor, pool)
        else:
            agent = Agent.usingEndpointFactory(reactor, endpoints, pool)
        return cls(agent, settings.base_url, key, reactor, pool, reads)

    def ask(self, method: str, path: str, body: bytes | None = None) -> "Deferred[IResponse]":
        """Send a request; fires when the response's head is there, its body still to be delivered.

        Cancel it to give the connection up.
        """
        client = HTTPClient(self._agent, data_to_body_producer=_Body)
        asked: Deferred[Any] = client.request(
            method,
            self._address(path),
            headers=self._headers,
            data=body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._clock,
        )
        return asked

    def _address(self, path: str) -> EncodedURL:
        if path not in self._addresses:
            self._addresses[path] = _Address.from_text(f"{self._base}/{path}")
        return self._addresses[path]

    async def close(self) -> None:
        """Close the connections nobody uses."""
        if self._pool is not None:
            await self._pool.closeCachedConnections()
