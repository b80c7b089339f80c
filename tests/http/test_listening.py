"""Inherited sockets: nobody is accepted before a back end is ready, and nobody is refused at the end."""

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.http import listening
from codexd.http.listening import HAND_OVER_SECONDS, READY_SECONDS, Listeners, add_backlog
from codexd.systemd.inherited_sockets import InheritedSocket, InheritedSockets

HTTP = "systemd:domain=INET:name=http"


class FakePort:
    """A port that records what it does."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 1)

    def startReading(self) -> None:
        self.calls.append("accept")

    def stopListening(self) -> None:
        self.calls.append("stop")
        raise OSError("its file is gone")


class InheritedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.port = Clock(), FakePort()
        self.patch(listening, "listen_on_inherited", lambda reactor, fd, family, site: self.port)
        socket = InheritedSocket(fd=3, family="INET", name="http", is_local=True)
        self.listeners = Listeners(self.clock, InheritedSockets((socket,)))
        self.is_ready = False

    def listen(self) -> None:
        site: Any = None
        self.listeners.listen(HTTP, site)
        self.listeners.accept_when(lambda: self.is_ready)

    def test_clients_wait_until_a_back_end_is_ready(self) -> None:
        self.listen()
        self.clock.pump([0.1] * 50)
        self.assertEqual(self.port.calls, [])
        self.is_ready = True
        self.clock.advance(0.1)
        self.clock.pump([1] * 60)
        self.assertEqual(self.port.calls, ["accept"])

    def test_after_a_time_clients_learn_that_none_is_ready(self) -> None:
        self.listen()
        self.clock.pump([0.05] * round(READY_SECONDS / 0.05 + 2))
        self.assertEqual(self.port.calls, ["accept"])

    def test_at_the_stop_connected_clients_have_a_moment_for_their_requests(self) -> None:
        self.is_ready = True
        self.listen()
        stopped = Deferred.fromCoroutine(self.listeners.hand_over())
        self.assertEqual(self.port.calls, ["accept", "stop"])
        self.assertNoResult(stopped)
        self.clock.advance(HAND_OVER_SECONDS)
        self.successResultOf(stopped)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_stop_before_a_back_end_is_ready_ends_the_wait(self) -> None:
        self.listen()
        Deferred.fromCoroutine(self.listeners.hand_over())
        self.clock.advance(HAND_OVER_SECONDS)
        self.assertEqual((self.port.calls, self.clock.getDelayedCalls()), (["stop"], []))

    def test_without_inherited_sockets_the_stop_does_not_wait(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.listeners.hand_over()))

    def test_a_socket_that_was_not_passed_stops_the_start(self) -> None:
        site: Any = None
        error = self.assertRaises(SystemExit, self.listeners.listen, "systemd:domain=INET6:name=http", site)
        self.assertIn("the service manager passed no such socket", str(error))


class BacklogTests(SynchronousTestCase):
    def test_endpoints_without_a_backlog_get_one(self) -> None:
        for endpoint, expected in (
            ("tcp:1", "tcp:1:backlog=1024"),
            ("haproxy:tcp:1", "haproxy:tcp:1:backlog=1024"),
            ("tcp:1:backlog=5", "tcp:1:backlog=5"),
            ("systemd:domain=INET:name=http", "systemd:domain=INET:name=http"),
        ):
            self.assertEqual(add_backlog(endpoint), expected)
