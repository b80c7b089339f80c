"""The HTTP client of one upstream: base URL, API key, connection pool."""

import secrets
from typing import Any, Final

from hyperlink import EncodedURL
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool, ProxyAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from codexd import __version__
from codexd.context import RequestContext
from codexd.settings import Upstream
from codexd.timeline import Step
from codexd.upstream import failures
from codexd.upstream.connection_pool import UpstreamConnectionPool
from codexd.upstream.endpoints import UpstreamEndpointFactory
from codexd.upstream.key_redaction import KeyRedaction
from codexd.upstream.read_dispatcher import ReadDispatcher
from codexd.upstream.urls import PreparedURL, encode_url

_ONE_PIECE_BYTES: Final = 2**20
_PIECE_BYTES: Final = 2**18

_IDLE_CONNECTION_SECONDS: Final = 60
"""How long an unused connection stays open; shorter than the keep-alive time of most servers."""


@implementer(IBodyProducer)
class BytesProducer:
    """A request body in memory: written in one piece if it is small, else as fast as the server reads it."""

    def __init__(self, body: bytes) -> None:
        self.length = len(body)
        self._body = body
        self._consumer: IConsumer | None = None

    def startProducing(self, consumer: IConsumer) -> "Deferred[None]":
        """Write the body, again if it was written before; fires when all of it is written (IBodyProducer)."""
        if self.length <= _ONE_PIECE_BYTES:
            consumer.write(self._body)
            return succeed(None)
        self._written = 0
        self._paused = self._stopped = False
        self._done: Deferred[None] = Deferred()
        self._consumer = consumer
        self._write()
        return self._done

    def pauseProducing(self) -> None:
        """Stop writing: the connection is full (IBodyProducer)."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Continue writing (IBodyProducer)."""
        self._paused = False
        self._write()

    def stopProducing(self) -> None:
        """Stop writing for good: the connection is lost (IBodyProducer)."""
        self._stopped = True
        self._consumer = None

    def _write(self) -> None:
        while self._consumer is not None and not self._paused:
            piece = self._body[self._written : self._written + _PIECE_BYTES]
            self._written += len(piece)
            consumer = self._consumer
            if self._written == self.length:
                self._consumer = None
            consumer.write(piece)
            if self._written == self.length and not self._stopped:
                self._done.callback(None)


class UpstreamClient:
    """Sends requests to one upstream.

    Redirects are not followed and cookies are not stored: both could send the key to another server.

    Args:
        agent: opens connections and sends requests.
        base_url: the upstream's base URL.
        key: the API key; None sends none.
        clock: the reactor, so that treq does not import the global one.
        pool: the connection pool that `close` closes.
        reads: dispatches the reads of the connections.
        key_header: the header of the key; only `authorization` has a scheme before it.
        api_version: the query parameter `api-version` of every request; None sends none.

    Attributes:
        reads: dispatches the reads of the connections.
        redaction: removes the key from what the upstream says.
    """

    def __init__(
        self,
        agent: IAgent,
        base_url: str,
        key: str | None,
        clock: Any,
        pool: HTTPConnectionPool | None = None,
        reads: ReadDispatcher | None = None,
        *,
        key_header: str = "authorization",
        api_version: str | None = None,
    ) -> None:
        self.reads = reads or ReadDispatcher()
        self.redaction = KeyRedaction(key)
        self._agent = agent
        self._base_url = encode_url(EncodedURL.from_text(base_url.rstrip("/")))
        self._query = "" if api_version is None else f"?api-version={api_version}"
        self._urls: dict[str, EncodedURL] = {}
        self._clock = clock
        self._pool = pool
        headers = {
            b"accept": [b"text/event-stream, application/json"],
            b"content-type": [b"application/json"],
            b"user-agent": [f"codexd/{__version__}".encode()],
        }
        if key is not None:
            scheme = b"Bearer " if key_header == "authorization" else b""
            headers[key_header.encode("ascii")] = [scheme + key.encode("ascii")]
        self._headers = Headers(headers)

    @classmethod
    def from_settings(
        cls, settings: Upstream, key: str | None, ca_certificates: bytes | None, reactor: Any
    ) -> "UpstreamClient":
        """Build the client of an upstream with its own connection pool.

        Args:
            settings: the upstream's settings.
            key: the API key; None sends none.
            ca_certificates: the content of its `ca_file`, if it has one.
            reactor: provides IReactorTCP and IReactorTime.

        Raises:
            ValueError: if `ca_certificates` contains no certificate.
        """
        pool = UpstreamConnectionPool(reactor)
        pool.maxPersistentPerHost = settings.max_connections
        pool.cachedConnectionTimeout = _IDLE_CONNECTION_SECONDS
        proxy = None if settings.proxy is None else URI.fromBytes(settings.proxy.encode("ascii"))
        reads = ReadDispatcher()
        endpoints = UpstreamEndpointFactory(reactor, settings.connect_seconds, proxy, ca_certificates, reads)
        agent: IAgent
        if proxy is not None and settings.base_url.lower().startswith("http:"):
            # Without TLS, the request to the proxy has the absolute URL.
            agent = ProxyAgent(endpoints.endpointForURI(proxy), reactor, pool)
        else:
            agent = Agent.usingEndpointFactory(reactor, endpoints, pool)
        return cls(
            agent,
            settings.base_url,
            key,
            reactor,
            pool,
            reads,
            key_header=settings.key_header,
            api_version=settings.api_version,
        )

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        context: RequestContext | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> "Deferred[IResponse]":
        """Send a request; fires with the response once its head has arrived, before its body.

        Cancelling the Deferred closes the connection.

        Args:
            method: the HTTP method.
            path: what follows the base URL.
            body: JSON, unless `headers` has another content type.
            context: the client's request that it is sent for; its id and trace context are sent as headers.
            headers: replace the client's own headers of these names.
        """
        span_id = secrets.token_hex(8) if context is not None and context.record.span is not None else ""
        client = HTTPClient(self._agent, data_to_body_producer=BytesProducer)
        response: Deferred[Any] = client.request(
            method,
            self._url(path),
            headers=self._headers if context is None else self._headers_for(context, headers, span_id),
            data=body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._clock,
        )
        if context is None:
            return response
        if context.record.trace is not None:
            context.record.trace.secrets.update(self.redaction.secrets)
        step = context.record.timeline.begin("upstream", context.record.backend, len(body or b""))
        step.span_id = span_id
        return _note_response(response, context, step, f"{method} {path}", body or b"")

    def _headers_for(self, context: RequestContext, replaced: tuple[tuple[bytes, bytes], ...], span_id: str) -> Headers:
        headers = self._headers.copy()
        for name, value in replaced:
            headers.setRawHeaders(name, [value])
        headers.setRawHeaders(b"x-request-id", [context.id.encode("ascii")])
        span = context.record.span
        traceparent = context.traceparent if span is None else span.traceparent(span_id)
        headers.setRawHeaders(b"traceparent", [traceparent.encode("ascii")])
        if context.tracestate:
            headers.setRawHeaders(b"tracestate", [context.tracestate.encode("ascii")])
        return headers

    def _url(self, path: str) -> EncodedURL:
        if path not in self._urls:
            self._urls[path] = PreparedURL.from_text(f"{self._base_url}/{path}{self._query}")
        return self._urls[path]

    async def close(self) -> None:
        """Close the unused connections."""
        if self._pool is not None:
            await self._pool.closeCachedConnections()


def _note_response(
    response: "Deferred[Any]", context: RequestContext, step: Step, label: str, body: bytes
) -> "Deferred[Any]":
    """Record the request, and the head of its response or its failure, in the record of the client's request."""
    timeline, trace = context.record.timeline, context.record.trace
    if trace is not None:
        trace.add("to_upstream", body, label)

    def received(head: IResponse) -> IResponse:
        timeline.end(step, str(head.code))
        if trace is not None:
            trace.add("from_upstream", b"", str(head.code))
        return head

    def failed(failure: Failure) -> Failure:
        cancelled = failures.is_cancelled(failure)
        timeline.end(step, "cancelled" if cancelled else failures.translate_request_failure(failure).kind)
        return failure

    return response.addCallbacks(received, failed)
