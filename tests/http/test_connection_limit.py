"""Tests of the limit of open connections, of the limit of open files, and of the backlog."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.http.listening import add_backlog
from codexd.http.open_files import connection_limit
from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import InMemoryServer, chat

CHAT = "/v1/chat/completions"
PROBE = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"


class ConnectionLimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(max_connections=3, idle_seconds=600.0))

    def counted(self) -> list[float]:
        names = "connections_open", "connection_refused_total", "connection_closed_idle_total"
        return [self.server.metric(f"codexd_{name}") for name in names]

    def refused(self) -> bool:
        return self.server.site.buildProtocol(None) is None

    def test_the_newest_idle_connection_makes_room(self) -> None:
        connections = [self.server.connect() for _ in range(3)]
        self.server.clock.advance(1)
        connections[1].send(PROBE)
        self.server.clock.advance(1)
        self.server.connect()
        self.assertEqual([one.open for one in connections], [True, False, True])
        self.server.connect()
        self.assertEqual([one.open for one in connections], [True, False, False])
        self.assertEqual(self.counted(), [3, 0, 2])

    def test_a_connection_that_sends_a_request_is_closed_after_those_that_send_none(self) -> None:
        connections = [self.server.connect() for _ in range(3)]
        connections[2].send(b"POST / HTTP/1.1\r\n")
        self.server.clock.advance(1)
        for _ in range(3):
            self.server.connect()
        self.assertEqual([one.open for one in connections], [False, False, False])
        self.assertTrue(connections[2].transport.aborted)

    def test_new_connections_are_refused_while_none_is_idle(self) -> None:
        connections = [self.server.connect() for _ in range(3)]
        for connection in connections:
            connection.request("POST", CHAT, chat())
        self.server.clock.advance(5)
        self.assertTrue(self.refused())
        self.assertEqual(self.counted(), [3, 1, 0])
        self.server.backend.turns[0].emit(*text_answer())
        self.server.clock.advance(1)
        self.server.connect()
        self.assertFalse(connections[0].open)

    def test_connections_that_were_just_opened_are_not_closed(self) -> None:
        connections = [self.server.connect() for _ in range(3)]
        self.assertTrue(self.refused())
        self.assertTrue(all(connection.open for connection in connections))

    def test_a_closed_connection_leaves_its_place(self) -> None:
        connections = [self.server.connect() for _ in range(3)]
        connections[0].request("POST", CHAT, chat(stream=True))
        self.server.backend.turns[0].emit(e.Began())
        connections[0].disconnect()
        self.assertFalse(self.refused())
        self.assertEqual(self.counted(), [2, 0, 0])


class OpenFilesTests(SynchronousTestCase):
    def test_connections_leave_files_for_the_daemon(self) -> None:
        self.assertEqual(connection_limit(1024, 72), 824)
        self.assertEqual(connection_limit(256, 500), 64)
        self.assertEqual(connection_limit(10, 0), 16)
        self.assertEqual(connection_limit(65536, 72), 10_000)


class BacklogTests(SynchronousTestCase):
    def test_endpoints_get_a_backlog_unless_they_have_one(self) -> None:
        for description, expected in (
            ("tcp:8080", "tcp:8080:backlog=1024"),
            ("tcp:8080:interface=127.0.0.1", "tcp:8080:interface=127.0.0.1:backlog=1024"),
            ("unix:/run/a.sock", "unix:/run/a.sock:backlog=1024"),
            ("haproxy:tcp:8080", "haproxy:tcp:8080:backlog=1024"),
            ("tcp:8080:backlog=9", "tcp:8080:backlog=9"),
            ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
        ):
            self.assertEqual(add_backlog(description), expected)
