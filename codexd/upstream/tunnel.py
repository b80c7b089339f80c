"""Through an HTTP proxy by CONNECT (RFC 9110, section 9.3.6); Twisted has no agent that does."""

import re
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

_LONGEST_HEAD_BYTES: Final = 16 * 1024
_OPENED: Final = re.compile(rb"HTTP/1\.[01] 2\d\d")


class _Opening(ProtocolWrapper):
    """Asks for the tunnel; once it is open, what is inside it takes over."""

    factory: "_OpeningFactory"

    def __init__(self, factory: "_OpeningFactory", wrapped: Any) -> None:
        super().__init__(factory, wrapped)  # type: ignore[arg-type]
        self.opened: Deferred[IProtocol] = Deferred(lambda _: self.abortConnection())
        self._head = b""
        self._open = False

    def makeConnection(self, transport: Any) -> None:
        """Connected to the proxy: ask (IProtocol)."""
        Protocol.makeConnection(self, transport)
        target = self.factory.target
        self.write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))

    def dataReceived(self, data: bytes) -> None:
        """Take the proxy's answer, then what comes through the tunnel (IProtocol)."""
        if self._open:
            self.wrappedProtocol.dataReceived(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if end and _OPENED.match(head):
            self._open = True
            ProtocolWrapper.makeConnection(self, self.transport)
            self.opened.callback(self.wrappedProtocol)
            if rest:
                self.wrappedProtocol.dataReceived(rest)
        elif end or len(self._head) > _LONGEST_HEAD_BYTES:
            self.opened.errback(ConnectError(string="the proxy opened no tunnel"))
            self.abortConnection()

    def connectionLost(self, reason: Failure = Failure(ConnectionLost())) -> None:  # noqa: B008
        """The proxy is gone (IProtocol)."""
        if self._open:
            super().connectionLost(reason)
        elif not self.opened.called:
            self.opened.errback(reason)


class _OpeningFactory(WrappingFactory):
    protocol = _Opening
    noisy = False

    def __init__(self, factory: IProtocolFactory, target: bytes) -> None:
        super().__init__(factory)
        self.target = target


@implementer(IStreamClientEndpoint)
class Tunnel:
    """A host that is reached through a proxy.

    Args:
        proxy: the way to the proxy.
        host: as in the URI; an IPv6 address in brackets.
        port: of the host.
    """

    def __init__(self, proxy: IStreamClientEndpoint, host: bytes, port: int) -> None:
        self._proxy = proxy
        self._target = b"%b:%d" % (host, port)

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        """Connect (IStreamClientEndpoint)."""
        opening: Deferred[Any] = self._proxy.connect(_OpeningFactory(protocolFactory, self._target))
        return opening.addCallback(lambda tunnel: tunnel.opened)
