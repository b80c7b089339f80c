"""Connects through an HTTP proxy with CONNECT (RFC 9110, section 9.3.6); no Twisted agent does that."""

import re
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

_MAX_HEAD_BYTES: Final = 16 * 1024
_SUCCESS: Final = re.compile(rb"HTTP/1\.[01] 2\d\d")


class _TunnelProtocol(ProtocolWrapper):
    """Requests the tunnel; once it is open, passes all bytes to the wrapped protocol.

    Attributes:
        opened: fires with the wrapped protocol once the tunnel is open; cancelling it aborts the connection.
    """

    factory: "_TunnelFactory"

    def __init__(self, factory: "_TunnelFactory", wrapped: Any) -> None:
        super().__init__(factory, wrapped)  # type: ignore[arg-type]
        self.opened: Deferred[IProtocol] = Deferred(lambda _: self.abortConnection())
        self._head = b""
        self._open = False

    def makeConnection(self, transport: Any) -> None:
        """Send the CONNECT request to the proxy (IProtocol)."""
        Protocol.makeConnection(self, transport)
        target = self.factory.target
        self.write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))

    def dataReceived(self, data: bytes) -> None:
        """Parse the proxy's response, then pass on the bytes of the tunnel (IProtocol)."""
        if self._open:
            self.wrappedProtocol.dataReceived(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if end and _SUCCESS.match(head):
            self._open = True
            ProtocolWrapper.makeConnection(self, self.transport)
            self.opened.callback(self.wrappedProtocol)
            if rest:
                self.wrappedProtocol.dataReceived(rest)
        elif end or len(self._head) > _MAX_HEAD_BYTES:
            self.opened.errback(ConnectError(string="the proxy did not open a tunnel"))
            self.abortConnection()

    def connectionLost(self, reason: Failure = Failure(ConnectionLost())) -> None:  # noqa: B008
        """Report the loss to the wrapped protocol, or to `opened` if the tunnel never opened (IProtocol)."""
        if self._open:
            super().connectionLost(reason)
        elif not self.opened.called:
            self.opened.errback(reason)


class _TunnelFactory(WrappingFactory):
    protocol = _TunnelProtocol
    noisy = False

    def __init__(self, factory: IProtocolFactory, target: bytes) -> None:
        super().__init__(factory)
        self.target = target


@implementer(IStreamClientEndpoint)
class ConnectTunnelEndpoint:
    """An endpoint that connects to a host through a proxy.

    Args:
        proxy: the endpoint of the proxy.
        host: the host as in the URI; an IPv6 address in brackets.
        port: the port of the host.
    """

    def __init__(self, proxy: IStreamClientEndpoint, host: bytes, port: int) -> None:
        self._proxy = proxy
        self._target = b"%b:%d" % (host, port)

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        """Connect (IStreamClientEndpoint)."""
        connecting: Deferred[Any] = self._proxy.connect(_TunnelFactory(protocolFactory, self._target))
        return connecting.addCallback(lambda tunnel: tunnel.opened)
