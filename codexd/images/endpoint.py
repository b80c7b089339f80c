"""Connects to the host of an image: only to addresses that were checked, after the name was resolved.

The name is resolved once, every address is checked, and the connection is made to one of exactly these addresses. So a
name that resolves to another address a moment later (DNS rebinding) changes nothing. TLS names and verifies the host.
"""

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import (
    IHostnameResolver,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IStreamClientEndpoint,
)
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from codexd.images.resolver import FixedResolver, HostResolver
from codexd.neutral.fault import FaultError
from codexd.policy.image_urls import ImageUrl, UrlRules, failure

HEAD_BYTES: Final = 128 * 1024
"""How much may arrive before the head of a response is complete: the head, and the rest of that read."""

_MAX_ADDRESSES: Final = 64


class ReceiveLimit:
    """How many bytes one connection may still receive; raised once the head of its response is there."""

    def __init__(self) -> None:
        self.remaining_bytes = HEAD_BYTES


class _LimitedProtocol(ProtocolWrapper):
    """Aborts a connection that receives too much, and one that would be closed: its peer may not answer."""

    factory: "_LimitedFactory"

    def dataReceived(self, data: bytes) -> None:
        limit = self.factory.limit
        limit.remaining_bytes -= len(data)
        if limit.remaining_bytes < 0:
            self.abortConnection()
        else:
            self.wrappedProtocol.dataReceived(data)

    def loseConnection(self) -> None:
        self.disconnecting = True
        self.abortConnection()


class _LimitedFactory(WrappingFactory):
    protocol = _LimitedProtocol
    noisy = False

    def __init__(self, factory: Any, limit: ReceiveLimit) -> None:
        super().__init__(factory)
        factory.noisy = False  # it would log the start and the end of every connection
        self.limit = limit


@implementer(IReactorPluggableNameResolver)
class _PinnedReactor:
    """The reactor, with a resolver that returns the checked addresses only.

    Attributes:
        nameResolver: that resolver.
    """

    def __init__(self, reactor: Any, resolver: IHostnameResolver) -> None:
        self._reactor = reactor
        self.nameResolver = resolver

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Refuse another resolver (IReactorPluggableNameResolver)."""
        raise NotImplementedError("the addresses are fixed")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


@implementer(IStreamClientEndpoint, IAgentEndpointFactory)
class CheckedEndpoint:
    """The endpoint of one request; it is its own endpoint factory, so that the URL is parsed only once.

    Args:
        reactor: provides IReactorTCP and IReactorTime.
        resolver: resolves the host name.
        rules: checks the addresses.
        url: of the request.
        connect_seconds: the timeout of a TCP connection.
        tls: the TLS policy.
        limit: limits what the connection receives.
    """

    def __init__(
        self,
        *,
        reactor: Any,
        resolver: HostResolver,
        rules: UrlRules,
        url: ImageUrl,
        connect_seconds: float,
        tls: IPolicyForHTTPS,
        limit: ReceiveLimit,
    ) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._rules = rules
        self._url = url
        self._connect_seconds = connect_seconds
        self._tls = tls
        self._limit = limit

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return this endpoint (IAgentEndpointFactory)."""
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        """Resolve, check and connect (IStreamClientEndpoint)."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        url = self._url
        addresses = (await self._resolver.resolve(url.host, url.port))[:_MAX_ADDRESSES]
        if not addresses:
            raise FaultError(failure(url.host, "dns", "The image could not be fetched: its host does not exist."))
        self._rules.check_addresses(url.host, tuple(str(getattr(address, "host", "")) for address in addresses))
        pinned = _PinnedReactor(self._reactor, FixedResolver(addresses))
        # The name does not matter any more: it may be one that Twisted does not accept, such as `a_b.org`.
        first = str(getattr(addresses[0], "host", ""))
        endpoint = HostnameEndpoint(pinned, first, url.port, timeout=self._connect_seconds)
        limited = _LimitedFactory(factory, self._limit)
        if url.scheme != "https":
            return _unwrap(await endpoint.connect(limited))
        try:
            creator = self._tls.creatorForNetloc(url.host.encode("ascii"), url.port)
        except UnicodeError:
            message = "The image could not be fetched: the name of its host is not valid in TLS."
            raise FaultError(failure(url.host, "tls", message)) from None
        return _unwrap(_unwrap(await endpoint.connect(TLSMemoryBIOFactory(creator, True, limited, self._reactor))))


def _unwrap(wrapper: Any) -> IProtocol:
    wrapped: IProtocol = wrapper.wrappedProtocol
    return wrapped
