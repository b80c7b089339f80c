from twisted.trial.unittest import SynchronousTestCase

from codexd.http.channel import Channel
from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.cases import each_set_up
from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import BUFFER_BYTES, InMemoryServer, chat, request

CHAT = "/v1/chat/completions"


class RequestHeadTests(SynchronousTestCase):
    """Malformed and oversized request heads."""

    def setUp(self) -> None:
        self.server = InMemoryServer()
        self.connection = self.server.connect()

    def assert_refused(self, status: int) -> None:
        response = self.connection.response
        self.assertEqual(response.status, status)
        self.assertEqual(response.error["type"], "invalid_request_error")
        self.assertEqual(response.headers["connection"], "close")
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertRegex(response.headers["x-request-id"], "^req_")
        self.assertFalse(self.connection.open)
        self.assertEqual(self.server.metric("codexd_malformed_request_total"), 1)

    def test_malformed_http_is_refused_with_an_error_body(self) -> None:
        for data in each_set_up(
            self,
            b"hello\r\n",
            b"GET /\xff HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: a\x00b\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        ):
            self.connection.send(data)
            self.assert_refused(400)

    def test_a_head_over_16_kilobytes_is_431(self) -> None:
        self.connection.send(b"GET / HTTP/1.1\r\n" + b"x-a: " + b"a" * 9000 + b"\r\nx-b: " + b"b" * 9000 + b"\r\n")
        self.assert_refused(431)

    def test_a_line_over_16_kilobytes_is_431(self) -> None:
        self.connection.send(b"GET / HTTP/1.1\r\nx-a: " + b"a" * 20_000)
        self.assert_refused(431)

    def test_more_than_500_header_lines_are_431(self) -> None:
        self.connection.send(b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 502 + b"\r\n")
        self.assert_refused(431)

    def test_500_header_lines_are_accepted(self) -> None:
        self.connection.send(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n" + b"x-a: b\r\n" * 499 + b"\r\n")
        self.assertEqual(self.connection.response.status, 200)

    def test_an_upgrade_request_is_answered_as_http_1(self) -> None:
        for upgrade in ("h2c", "websocket", "TLS/1.0"):
            response = self.server.request(
                "GET",
                "/v1/models",
                connection="Upgrade, HTTP2-Settings",
                upgrade=upgrade,
                http2_settings="AAMA",
            )
            self.assertEqual((response.status, len(response.json["data"])), (200, 2))

    def test_an_http_1_0_stream_ends_with_the_connection(self) -> None:
        raw = request("POST", CHAT, chat(stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0")
        self.connection.send(raw)
        self.server.backend.turns[0].emit(*text_answer())
        head, _, body = self.connection.received.partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertTrue(body.endswith(b"data: [DONE]\n\n"))
        self.assertFalse(self.connection.open)


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(idle_seconds=60.0))
        self.connection = self.server.connect()

    def test_an_idle_connection_is_closed(self) -> None:
        self.server.clock.advance(59)
        self.assertTrue(self.connection.open)
        self.server.clock.advance(1)
        self.assertFalse(self.connection.open)

    def test_a_connection_that_waits_for_its_response_is_not_closed(self) -> None:
        self.connection.request("POST", CHAT, chat())
        self.server.clock.advance(3000)
        self.assertTrue(self.connection.open)
        self.server.backend.turns[0].emit(*text_answer())
        self.server.clock.advance(60)
        self.assertFalse(self.connection.open)

    def test_a_request_that_arrives_byte_by_byte_is_answered(self) -> None:
        for byte in request("POST", CHAT, chat(), content_type="application/json"):
            self.connection.send(bytes((byte,)))
        self.server.backend.turns[0].emit(*text_answer())
        self.assertEqual(self.connection.response.json["choices"][0]["message"]["content"], "Hello")

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        raw = request("POST", CHAT, chat(stream=True))
        self.connection.send(raw + request("GET", "/v1/models") + raw)
        self.assertEqual(len(self.server.backend.turns), 1)
        self.server.backend.turns[0].emit(*text_answer())
        self.assertEqual(len(self.server.backend.turns), 2)
        self.server.backend.turns[1].emit(*text_answer())
        first, second, third = self.connection.responses()
        self.assertEqual((first.events[-1], second.status, third.events[-1]), ("[DONE]", 200, "[DONE]"))

    def test_a_client_that_reads_no_responses_is_not_read_from(self) -> None:
        self.connection.transport.reading = False
        sent = 0
        while self.connection.transport.producerState == "producing":
            self.connection.request("GET", "/v1/models")
            sent += 1
            self.assertLess(sent, 1000, "responses pile up")
        self.connection.transport.reading = True
        self.connection.transport.read(10 * BUFFER_BYTES)
        self.assertEqual(self.connection.transport.producerState, "producing")
        self.assertEqual(len(self.connection.responses()), sent)

    def test_a_stream_to_a_full_transport_is_paused_from_the_start(self) -> None:
        self.connection.transport.reading = False
        raw = request("POST", CHAT, chat())
        self.connection.send(raw + request("POST", CHAT, chat(stream=True)))
        self.server.backend.turns[0].emit(*text_answer("x" * (BUFFER_BYTES - 700)))
        self.assertTrue(self.connection.transport.paused)
        written = len(self.connection.transport.writes)
        self.server.backend.turns[1].emit(e.Began())
        self.assertEqual(len(self.connection.transport.writes), written)

    def test_the_site_builds_channels_of_codexd(self) -> None:
        self.assertIsInstance(self.server.site.buildProtocol(None), Channel)
