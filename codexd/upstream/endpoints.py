"""How an upstream is reached: TCP, TLS whose certificate is verified, a proxy; and how it is left.

A connection that is given up is aborted, not closed politely: a peer that does not read, or speaks TLS and
does not answer, would keep it open for as long as it likes.
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

from codexd.upstream.reads import Reads
from codexd.upstream.tunnel import Tunnel

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class _AbruptProtocol(ProtocolWrapper):
    factory: "_AbruptFactory"

    def dataReceived(self, data: bytes) -> None:
        self.factory.reads.bring(self.wrappedProtocol.dataReceived, data)

    def loseConnection(self) -> None:
        self.disconnecting = True
        self.abortConnection()


class _AbruptFactory(WrappingFactory):
    protocol = _AbruptProtocol
    noisy = False

    def __init__(self, factory: IProtocolFactory, reads: Reads) -> None:
        super().__init__(factory)
        self.reads = reads


@implementer(IStreamClientEndpoint)
class Abrupt:
    """An endpoint whose connections are aborted where they would be closed.

    Args:
        endpoint: makes the connections.
        reads: told of what they read.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, reads: Reads) -> None:
        self._endpoint = endpoint
        self._reads = reads

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        """Connect (IStreamClientEndpoint)."""
        wrapped: Deferred[Any] = self._endpoint.connect(_AbruptFactory(protocolFactory, self._reads))
        return wrapped.addCallback(lambda wrapper: wrapper.wrappedProtocol)


@implementer(IAgentEndpointFactory)
class Endpoints:
    """Makes the endpoints of one upstream.

    Args:
        reactor: provides IReactorTCP and IReactorTime.
        connect_seconds: longest wait for a TCP connection.
        proxy: where the HTTP proxy is that https goes through by CONNECT, if there is one.
        authorities: PEM text of the certificates to trust; None is the system's own.
        reads: of the connections.
    """

    def __init__(
        self,
        reactor: Any,
        connect_seconds: float,
        proxy: URI | None,
        authorities: bytes | None,
        reads: Reads,
    ) -> None:
        self._reactor = reactor
        self._reads = reads
        self._connect_seconds = connect_seconds
        self._proxy = proxy
        self._policy = BrowserLikePolicyForHTTPS(_trust(authorities))
        self._known: dict[tuple[bytes, bytes, int], IStreamClientEndpoint] = {}

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Give the way to a URI (IAgentEndpointFactory); every request asks, also one with a connection."""
        place = (uri.scheme, uri.host, uri.port)
        if place not in self._known:
            self._known[place] = self._way(uri)
        return self._known[place]

    def _way(self, uri: URI) -> IStreamClientEndpoint:
        if uri.scheme != b"https":
            return Abrupt(self.tcp(uri), self._reads)
        tls = self._policy.creatorForNetloc(uri.host, uri.port)
        if self._proxy is None:
            return Abrupt(wrapClientTLS(tls, self.tcp(uri)), self._reads)
        tunnel = Tunnel(self.tcp(self._proxy), uri.host, uri.port)
        return Abrupt(wrapClientTLS(tls, tunnel), self._reads)

    def tcp(self, uri: URI) -> IStreamClientEndpoint:
        """Give the plain way to a host."""
        host = uri.host.decode("ascii").strip("[]")
        return HostnameEndpoint(self._reactor, host, uri.port, timeout=self._connect_seconds)


def _trust(authorities: bytes | None) -> Any:
    """Give what to trust.

    Raises:
        ValueError: when the text holds no certificate.
    """
    if authorities is None:
        return None
    found = [Certificate.loadPEM(pem) for pem in _CERTIFICATE.findall(authorities)]
    if not found:
        raise ValueError("no certificate in it")
    return trustRootFromCertificates(found)
