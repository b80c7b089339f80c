"""Connects to an upstream: TCP, TLS with certificate verification, or through a proxy.

A connection is aborted instead of closed. A peer that does not read, or does not answer the end of TLS, could
keep a closing connection open for as long as it likes.
"""

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from codexd.upstream.read_dispatcher import ReadDispatcher
from codexd.upstream.tunnel import ConnectTunnelEndpoint

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class _AbortingProtocol(ProtocolWrapper):
    factory: "_AbortingFactory"

    def dataReceived(self, data: bytes) -> None:
        self.factory.reads.dispatch(self.wrappedProtocol.dataReceived, data)

    def loseConnection(self) -> None:
        self.disconnecting = True
        self.abortConnection()


class _AbortingFactory(WrappingFactory):
    protocol = _AbortingProtocol
    noisy = False

    def __init__(self, factory: Any, reads: ReadDispatcher) -> None:
        super().__init__(factory)
        factory.noisy = False  # it would log the start and the end of every connection
        self.reads = reads


@implementer(IStreamClientEndpoint)
class AbortingEndpoint:
    """An endpoint whose connections abort where they would close.

    Args:
        endpoint: opens the connections.
        reads: dispatches their reads.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, reads: ReadDispatcher) -> None:
        self._endpoint = endpoint
        self._reads = reads

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        """Connect (IStreamClientEndpoint)."""
        wrapped: Deferred[Any] = self._endpoint.connect(_AbortingFactory(protocolFactory, self._reads))
        return wrapped.addCallback(lambda wrapper: wrapper.wrappedProtocol)


@implementer(IAgentEndpointFactory)
class UpstreamEndpointFactory:
    """Builds the endpoints of one upstream.

    Args:
        reactor: provides IReactorTCP and IReactorTime.
        connect_seconds: the timeout of a TCP connection.
        proxy: the HTTP proxy through which https connects (CONNECT), if there is one.
        ca_certificates: PEM text of the certificates to trust; None trusts those of the system.
        reads: dispatches the reads of the connections.
    """

    def __init__(
        self,
        reactor: Any,
        connect_seconds: float,
        proxy: URI | None,
        ca_certificates: bytes | None,
        reads: ReadDispatcher,
    ) -> None:
        self._reactor = reactor
        self._reads = reads
        self._connect_seconds = connect_seconds
        self._proxy = proxy
        self._policy = BrowserLikePolicyForHTTPS(_trust_root(ca_certificates))
        self._endpoints: dict[tuple[bytes, bytes, int], IStreamClientEndpoint] = {}

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return the endpoint of a URI (IAgentEndpointFactory).

        Endpoints are cached: the agent calls this for every request, even if it reuses a connection.
        """
        key = (uri.scheme, uri.host, uri.port)
        if key not in self._endpoints:
            self._endpoints[key] = self._build_endpoint(uri)
        return self._endpoints[key]

    def _build_endpoint(self, uri: URI) -> IStreamClientEndpoint:
        if uri.scheme != b"https":
            return AbortingEndpoint(self.tcp_endpoint(uri), self._reads)
        tls = self._policy.creatorForNetloc(uri.host, uri.port)
        if self._proxy is None:
            return AbortingEndpoint(wrapClientTLS(tls, self.tcp_endpoint(uri)), self._reads)
        tunnel = ConnectTunnelEndpoint(self.tcp_endpoint(self._proxy), uri.host, uri.port)
        return AbortingEndpoint(wrapClientTLS(tls, tunnel), self._reads)

    def tcp_endpoint(self, uri: URI) -> IStreamClientEndpoint:
        """Return the plain TCP endpoint of a host."""
        host = uri.host.decode("ascii").strip("[]")
        return HostnameEndpoint(self._reactor, host, uri.port, timeout=self._connect_seconds)


def _trust_root(ca_certificates: bytes | None) -> Any:
    """Return the trust root of PEM text; None, the system's, without one.

    Raises:
        ValueError: if the text contains no certificate.
    """
    return None if ca_certificates is None else trustRootFromCertificates(parse_certificates(ca_certificates))


def parse_certificates(text: bytes) -> list[Certificate]:
    """Parse the certificates in a PEM text.

    Raises:
        ValueError: if the text contains no certificate.
        OpenSSL.crypto.Error: if one is damaged.
    """
    certificates = [Certificate.loadPEM(pem) for pem in _CERTIFICATE.findall(text)]
    if not certificates:
        raise ValueError("it contains no certificate")
    return certificates
