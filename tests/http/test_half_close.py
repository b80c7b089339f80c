from twisted.internet.interfaces import IHalfCloseableProtocol
from zope.interface.verify import verifyObject

from codexd.http.half_close import PROBE_SECONDS
from tests.support.fake_backend import text_answer
from tests.support.http_cases import CHAT, HttpTestCase
from tests.support.in_memory_server import InMemoryServer, chat, request

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HalfCloseTests(HttpTestCase):
    """A client that closes its sending direction after its request."""

    def setUp(self) -> None:
        self.server = InMemoryServer()
        self.connection = self.server.connect()

    def begin(self, version: bytes = b"1.1", **fields: object) -> None:
        """Send a request and close the sending direction."""
        self.connection.send(request("POST", CHAT, chat(**fields)).replace(b"HTTP/1.1", b"HTTP/" + version))
        self.connection.end_input()

    def answer(self, at: int = 0) -> None:
        self.server.backend.turns[at].emit(*text_answer())

    def assert_over(self) -> None:
        self.assertFalse(self.connection.open)
        self.assert_nothing_running()

    def test_the_channel_implements_the_interface(self) -> None:
        verifyObject(IHalfCloseableProtocol, self.server.site.buildProtocol(None))

    def test_a_client_without_stream_gets_its_response_after_probes(self) -> None:
        self.begin()
        self.assertEqual(self.connection.received, CONTINUE)
        self.server.clock.advance(PROBE_SECONDS[0])
        self.assertEqual(self.connection.received, 2 * CONTINUE)
        self.answer()
        *probes, response = self.connection.responses()
        self.assertEqual([probe.status for probe in probes], [100, 100])
        self.assertEqual(response.json["choices"][0]["message"]["content"], "Hello")
        self.assert_over()
        self.assertEqual(self.server.log.records[0].outcome, "ok")

    def test_a_client_of_a_stream_gets_all_of_it_with_comments_as_probes(self) -> None:
        self.connection.request("POST", CHAT, chat(stream=True))
        *first, last = text_answer()
        self.server.backend.turns[0].emit(*first)
        self.connection.end_input()
        self.server.clock.advance(PROBE_SECONDS[0])
        self.server.backend.turns[0].emit(last)
        events = self.connection.response.events
        self.assertEqual((events.count(None), events[-1]), (2, "[DONE]"))
        self.assertTrue(self.connection.response.whole)
        self.assert_over()

    def test_a_stream_that_has_not_begun_is_probed_as_any_response(self) -> None:
        self.begin(stream=True)
        self.answer()
        probe, response = self.connection.responses()
        self.assertEqual((probe.status, response.status, response.events[-1]), (100, 200, "[DONE]"))
        self.assert_over()

    def test_the_probes_continue_until_the_response(self) -> None:
        self.begin()
        self.server.clock.pump([*PROBE_SECONDS, PROBE_SECONDS[-1], PROBE_SECONDS[-1]])
        self.assertEqual(self.connection.received, (len(PROBE_SECONDS) + 3) * CONTINUE)

    def test_a_client_that_reads_nothing_is_not_sent_comments(self) -> None:
        self.connection.request("POST", CHAT, chat(stream=True))
        self.server.backend.turns[0].emit(*text_answer()[:1])
        self.connection.transport.reading = False
        self.server.backend.turns[0].emit(*text_answer("x" * 2**17)[1:3])
        unread = self.connection.transport.unread_bytes
        self.connection.end_input()
        self.assertEqual(self.connection.transport.unread_bytes, unread)

    def test_every_pipelined_request_is_answered(self) -> None:
        self.connection.send(request("POST", CHAT, chat()) * 2 + request("GET", "/v1/models") * 2)
        self.connection.end_input()
        self.answer(0)
        self.assertTrue(self.connection.open)
        self.answer(1)
        found = [response.status for response in self.connection.responses() if response.status != 100]
        self.assertEqual(found, [200] * 4)
        self.assert_over()

    def test_the_end_of_an_idle_connection_closes_it(self) -> None:
        self.connection.request("GET", "/livez")
        self.connection.end_input()
        self.assert_over()

    def test_a_request_that_is_cut_is_not_handled(self) -> None:
        whole = request("POST", CHAT, chat())
        for end in (0, 1, 30, len(whole) - 1):
            self.connection = self.server.connect()
            self.connection.send(whole[:end])
            self.connection.end_input()
            self.assertEqual(self.connection.received, b"")
            self.assert_over()
        self.assertEqual((self.server.backend.turns, self.server.log.records), ([], []))

    def test_a_cut_request_after_an_answered_one_closes_the_connection(self) -> None:
        self.connection.send(request("POST", CHAT, chat()) + b"GET /livez")
        self.connection.end_input()
        self.answer()
        self.assert_over()

    def test_a_client_that_is_gone_cancels_its_turn(self) -> None:
        for stream in (False, True):
            self.connection = self.server.connect()
            self.begin(stream=stream)
            self.connection.disconnect()  # as a failed write does
            self.assertEqual(self.server.backend.turns[-1].actions, ["cancel"])
            self.assertEqual(self.server.log.records[-1].outcome, "client_disconnected")
            self.assert_over()

    def test_before_a_response_of_http_1_0_it_is_a_disconnect(self) -> None:
        for stream in (False, True):
            self.connection = self.server.connect()
            self.begin(b"1.0", stream=stream)
            self.assertEqual(self.server.backend.turns[-1].actions, ["cancel"])
            self.assert_over()

    def test_a_stream_of_http_1_0_that_has_begun_continues(self) -> None:
        self.connection.send(request("POST", CHAT, chat(stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0"))
        self.server.backend.turns[0].emit(*text_answer()[:2])
        self.connection.end_input()
        self.server.backend.turns[0].emit(*text_answer()[2:])
        self.assertTrue(self.connection.received.endswith(b"data: [DONE]\n\n"))
        self.assert_over()

    def test_a_drain_waits_for_its_response(self) -> None:
        self.begin()
        drained = self.server.drain.run()
        self.assertNoResult(drained)
        self.answer()
        self.server.clock.advance(0)
        self.successResultOf(drained)
        self.assertEqual(self.connection.responses()[-1].status, 200)
        self.assert_over()

    def test_a_refused_body_is_not_waited_for(self) -> None:
        self.connection.request("POST", CHAT, b"", content_length=str(2**30))
        self.connection.end_input()
        self.assertEqual(self.connection.response.status, 413)
        self.assert_over()
