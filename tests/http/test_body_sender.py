"""Large responses that are one body: sent as the client reads them, within the budget of unsent bytes."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.body_sender import PIECE_BYTES
from codexd.settings import Http
from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import BUFFER_BYTES, Connection, InMemoryServer, chat

CHAT = "/v1/chat/completions"
SIZE = 40 * PIECE_BYTES
HTTP = Http(pause_seconds=1, write_timeout_seconds=10, max_unsent_bytes=3 * SIZE)


class LargeBodyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(HTTP)

    def ask(self, reading: bool = False, key: str = "") -> Connection:
        """Request a body of some more than SIZE bytes."""
        connection = self.server.connect()
        connection.transport.reading = reading
        connection.request("POST", CHAT, chat(), x_api_key=key)
        self.server.backend.turns[-1].emit(*text_answer("x" * SIZE))
        return connection

    def unsent(self) -> float:
        return self.server.metric("codexd_unsent_bytes")

    def test_a_client_that_reads_gets_the_whole_body(self) -> None:
        connection = self.ask(reading=True)
        self.assertTrue(connection.response.whole)
        self.assertEqual(connection.response.json["choices"][0]["message"]["content"], "x" * SIZE)
        self.assertEqual(self.unsent(), 0)
        self.assertEqual(self.server.log.records[-1].outcome, "ok")

    def test_the_transport_of_a_slow_client_has_some_pieces_only(self) -> None:
        connection = self.ask()
        self.assertLess(connection.transport.unread_bytes, BUFFER_BYTES + 2 * PIECE_BYTES)
        self.assertGreater(self.unsent(), SIZE - BUFFER_BYTES - 2 * PIECE_BYTES)
        self.assertEqual(self.server.log.records, [])
        for _ in range(5):
            self.server.clock.advance(9)
            connection.transport.read(BUFFER_BYTES * 2)
        connection.transport.reading = True
        connection.transport.read(connection.transport.unread_bytes)
        self.assertTrue(connection.response.whole)
        self.assertEqual([str(call) for call in self.server.clock.getDelayedCalls() if "BodySender" in str(call)], [])

    def test_a_client_that_reads_nothing_is_disconnected(self) -> None:
        connection = self.ask()
        self.server.clock.pump([1.0] * 9)
        self.assertTrue(connection.open)
        self.server.clock.pump([1.0] * 2)
        self.assertTrue(connection.transport.aborted)
        self.assertEqual(self.server.log.records[-1].outcome, "slow_client")
        self.assertEqual((self.server.metric("codexd_slow_client_total"), self.unsent()), (1, 0))

    def test_a_client_that_disconnects_releases_the_body(self) -> None:
        connection = self.ask()
        connection.disconnect()
        self.assertEqual((self.unsent(), self.server.log.records[-1].outcome), (0, "client_disconnected"))
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_two_requests_on_one_connection_are_answered_in_order(self) -> None:
        connection = self.server.connect()
        for said in ("a", "b"):
            connection.request("POST", CHAT, chat())
            self.server.backend.turns[-1].emit(*text_answer(said * SIZE))
        texts = [one.json["choices"][0]["message"]["content"] for one in connection.responses()]
        self.assertEqual(texts, ["a" * SIZE, "b" * SIZE])

    def test_the_head_of_a_large_body_has_its_length(self) -> None:
        self.server.backend.cards = tuple(
            evolve(self.server.backend.cards[0], id=f"model-{number}") for number in range(2000)
        )
        get, head = (self.server.request(method, "/v1/models") for method in ("GET", "HEAD"))
        self.assertGreater(len(get.body), PIECE_BYTES)
        self.assertEqual((head.body, head.headers["content-length"]), (b"", str(len(get.body))))


class BudgetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(evolve(HTTP, api_keys=("one", "two")))

    def ask(self, key: str) -> Connection:
        connection = self.server.connect()
        connection.transport.reading = False
        connection.request("POST", CHAT, chat(), x_api_key=key)
        self.server.backend.turns[-1].emit(*text_answer("x" * SIZE))
        return connection

    def test_over_the_budget_the_clients_of_whoever_holds_most_are_disconnected_soon(self) -> None:
        first = [self.ask("one") for _ in range(4)]
        second = self.ask("two")
        self.server.clock.pump([1.0, 0.1])
        self.assertEqual([connection.open for connection in first], [False] * 2 + [True] * 2)
        self.assertTrue(second.open)
        self.server.clock.pump([1.0] * 8)
        self.assertTrue(second.open)

    def test_what_can_be_requested_again_is_refused_while_the_budget_is_used_up(self) -> None:
        self.server.backend.cards = tuple(
            evolve(self.server.backend.cards[0], id=f"model-{number}") for number in range(2000)
        )
        for _ in range(4):
            self.ask("one")
        refused = self.server.request("GET", "/v1/models", x_api_key="one")
        self.assertEqual((refused.status, refused.error["code"]), (429, "rate_limit_exceeded"))
        self.assertIn("http.max_unsent_bytes", refused.error["message"])
        self.assertIn("retry-after", refused.headers)
        self.assertEqual(self.server.request("GET", "/v1/models", x_api_key="two").status, 200)
        self.assertEqual(self.server.request("GET", "/livez").status, 200)


class ReceivedBytesTests(SynchronousTestCase):
    """The bodies of the requests that are being handled have a budget, too."""

    def setUp(self) -> None:
        limits = Http(api_keys=("one", "two"), max_body_bytes=2 * 2**20, max_received_bytes=3 * 2**20)
        self.server = InMemoryServer(limits)

    def begin(self, key: str, length: int, sent: int = 0, chunked: bool = False) -> Connection:
        connection = self.server.connect()
        framing = "transfer-encoding: chunked" if chunked else f"content-length: {length}"
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n{framing}\r\n\r\n"
        connection.send(head.encode())
        connection.send(b"%x\r\n%b\r\n" % (sent, b"x" * sent) if chunked else b"x" * sent)
        return connection

    def received(self) -> float:
        return self.server.metric("codexd_received_bytes")

    def test_a_body_is_counted_from_its_announcement_to_the_end_of_its_request(self) -> None:
        connection = self.begin("one", 2**20)
        self.assertEqual(self.received(), 2**20)
        connection.send(b"x" * 2**20)
        self.assertEqual((connection.response.status, self.received()), (400, 0))
        connection = self.begin("one", 0, 2**20, chunked=True)
        self.assertEqual(self.received(), 2**20)
        connection.disconnect()
        self.assertEqual(self.received(), 0)

    def test_a_small_body_is_not_counted(self) -> None:
        self.begin("one", 2**16)
        self.assertEqual(self.received(), 0)

    def test_more_than_the_budget_is_refused_with_what_to_do(self) -> None:
        for chunked in (False, True):
            server = self.server
            running = [self.begin("one", 3 * 2**19) for _ in range(2)]
            refused = self.begin("one", 2**20, 2**20, chunked)
            self.assertEqual((refused.response.status, refused.response.error["code"]), (429, "rate_limit_exceeded"))
            self.assertIn("http.max_received_bytes", refused.response.error["message"])
            self.assertEqual(server.request("POST", CHAT, {}, x_api_key="one").status, 400)
            other = self.begin("two", 3 * 2**19, 3 * 2**19)
            self.assertEqual(other.response.status, 400)
            for connection in running:
                connection.disconnect()
            self.assertEqual(self.received(), 0)
