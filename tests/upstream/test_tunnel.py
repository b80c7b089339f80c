"""CONNECT through a proxy, byte by byte."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from codexd.upstream.tunnel import Tunnel

OPENED = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n"


class Inner(Protocol):
    """What speaks through the tunnel."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"inside")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True


class Way:
    """The way to the proxy: connected at once, to the test."""

    def __init__(self) -> None:
        self.protocol: Any = None
        self.transport = StringTransport()

    def connect(self, factory: Any) -> "Deferred[Any]":
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        done: Deferred[Any] = Deferred()
        done.callback(self.protocol)
        return done


class TunnelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.way = Way()
        tunnel = Tunnel(self.way, b"[::1]", 443)  # type: ignore[arg-type]
        self.opened: Deferred[Any] = tunnel.connect(Factory.forProtocol(Inner))
        self.say = self.way.protocol.dataReceived

    def test_the_proxy_is_asked_first_and_nothing_inside_is_sent_before_it_agrees(self) -> None:
        sent = self.way.transport.value()
        self.assertEqual(sent, b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n")
        self.assertNoResult(self.opened)

    def test_once_it_is_open_everything_goes_through_in_any_pieces(self) -> None:
        self.way.transport.clear()
        for byte in OPENED:
            self.say(bytes([byte]))
        inner = self.successResultOf(self.opened)
        self.assertEqual(self.way.transport.value(), b"inside")
        self.say(b"hello")
        self.assertEqual(inner.heard, b"hello")
        self.way.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(inner.lost)

    def test_what_comes_with_the_proxys_answer_is_already_inside(self) -> None:
        self.say(OPENED + b"hello")
        self.assertEqual(self.successResultOf(self.opened).heard, b"hello")

    def test_a_proxy_that_refuses_or_talks_too_much_is_left(self) -> None:
        for answer in (b"HTTP/1.1 403 Forbidden\r\n\r\n", b"x" * 20_000):
            self.setUp()
            self.say(answer)
            self.failureResultOf(self.opened, ConnectError)
            self.assertTrue(self.way.transport.disconnecting)

    def test_a_proxy_that_leaves_is_told(self) -> None:
        self.way.protocol.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(self.opened, ConnectionDone)

    def test_given_up_it_cuts_the_connection(self) -> None:
        self.opened.cancel()
        self.failureResultOf(self.opened)
        self.assertTrue(self.way.transport.disconnecting)
