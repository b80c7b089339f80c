"""Tests of codexd.upstream.tunnel."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from codexd.upstream.tunnel import ConnectTunnelEndpoint
from tests.support.cases import each_set_up

OPENED = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n"


class InnerProtocol(Protocol):
    """The protocol inside the tunnel."""

    def __init__(self) -> None:
        self.received = b""
        self.lost = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"inside")

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


class ProxyEndpoint:
    """An endpoint that connects to the test at once."""

    def __init__(self) -> None:
        self.protocol: Any = None
        self.transport = StringTransport()

    def connect(self, factory: Any) -> "Deferred[Any]":
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        done: Deferred[Any] = Deferred()
        done.callback(self.protocol)
        return done


class ConnectTunnelEndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.proxy = ProxyEndpoint()
        tunnel = ConnectTunnelEndpoint(self.proxy, b"[::1]", 443)  # type: ignore[arg-type]
        self.opened: Deferred[Any] = tunnel.connect(Factory.forProtocol(InnerProtocol))
        self.proxy_sends = self.proxy.protocol.dataReceived

    def test_connect_is_sent_first_and_nothing_else_before_the_response(self) -> None:
        sent = self.proxy.transport.value()
        self.assertEqual(sent, b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n")
        self.assertNoResult(self.opened)

    def test_an_open_tunnel_passes_everything_on(self) -> None:
        self.proxy.transport.clear()
        for byte in OPENED:
            self.proxy_sends(bytes([byte]))
        inner = self.successResultOf(self.opened)
        self.assertEqual(self.proxy.transport.value(), b"inside")
        self.proxy_sends(b"hello")
        self.assertEqual(inner.received, b"hello")
        self.proxy.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(inner.lost)

    def test_bytes_after_the_proxys_response_belong_to_the_tunnel(self) -> None:
        self.proxy_sends(OPENED + b"hello")
        self.assertEqual(self.successResultOf(self.opened).received, b"hello")

    def test_a_refusal_or_an_oversized_response_fails_the_connection(self) -> None:
        for answer in each_set_up(self, b"HTTP/1.1 403 Forbidden\r\n\r\n", b"x" * 20_000):
            self.proxy_sends(answer)
            self.failureResultOf(self.opened, ConnectError)
            self.assertTrue(self.proxy.transport.disconnecting)

    def test_a_lost_proxy_connection_is_reported(self) -> None:
        self.proxy.protocol.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(self.opened, ConnectionDone)

    def test_cancelling_aborts_the_connection(self) -> None:
        self.opened.cancel()
        self.failureResultOf(self.opened)
        self.assertTrue(self.proxy.transport.disconnecting)
