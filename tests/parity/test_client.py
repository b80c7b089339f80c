from itertools import pairwise
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from tests.parity.client import PATIENCE_SECONDS, Response, cut, exchange, parse, write
from tests.parity.scenario import Ask

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5\r\ndata:\r\na;x=y\r\n \xc3\xa9 one\r\n\n\r\n1\r\n\n\r\n0\r\n\r\n"
WHOLE = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
SERVER = IPv4Address("TCP", "127.0.0.1", 80)
ASK = Ask("/v1/models", method="GET")


class ParseTests(SynchronousTestCase):
    def test_a_chunked_body_loses_its_coding_and_nothing_else(self) -> None:
        response = parse(HEAD + CHUNKS)
        self.assertEqual((response.body, response.whole), ("data: é one\r\n\n\n".encode(), True))

    def test_the_head_is_kept_line_by_line(self) -> None:
        response = parse(WHOLE)
        self.assertEqual(
            response.head, ("HTTP/1.1 429 Too Many Requests", "Retry-After: 1", "Content-Length: 2")
        )
        self.assertEqual(
            (response.status, response.header("retry-after"), response.header("allow")), (429, "1", None)
        )

    def test_a_response_without_a_body_is_whole(self) -> None:
        self.assertEqual(parse(NOTHING), Response(("HTTP/1.1 204 No Content",), b"", whole=True))

    def test_a_response_that_breaks_off_anywhere_is_not_whole(self) -> None:
        for data in (HEAD + CHUNKS, WHOLE, NOTHING):
            for end in range(len(data)):
                self.assertFalse(parse(data[:end]).whole, data[:end])

    def test_what_had_come_before_it_broke_off_is_kept(self) -> None:
        self.assertEqual(parse((HEAD + CHUNKS)[: len(HEAD) + 18]).body, b"data: ")

    def test_anything_after_the_end_makes_it_not_whole(self) -> None:
        for data in (HEAD + CHUNKS, WHOLE, NOTHING):
            self.assertFalse(parse(data + b"!").whole)


class CutTests(SynchronousTestCase):
    def test_a_client_that_leaves_has_so_many_events_and_no_more(self) -> None:
        for whole in (True, False):
            stream = Response(("HTTP/1.1 200 OK",), b"data: 1\n\ndata: 2\n\ndata: 3", whole)
            self.assertEqual(cut(stream, 1), Response(stream.head, b"data: 1\n\n", whole=True))
            self.assertEqual(cut(stream, 2), Response(stream.head, b"data: 1\n\ndata: 2\n\n", whole=True))

    def test_a_stream_that_has_fewer_events_stays_as_it_is(self) -> None:
        for whole in (True, False):
            stream = Response(("HTTP/1.1 200 OK",), b"data: 1\n\n", whole)
            self.assertIs(cut(stream, 2), stream)


class WriteTests(SynchronousTestCase):
    def test_a_body_is_json_of_known_length(self) -> None:
        self.assertEqual(
            write(Ask("/v1/responses", b"{}"), "127.0.0.1:80", "sk-1"),
            b"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer sk-1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        )

    def test_a_header_of_the_request_stands_in_place_of_the_usual_one(self) -> None:
        asked = write(Ask("/x", method="GET", headers=(("authorization", "none"),)), "h", "sk-1")
        self.assertEqual(asked, b"GET /x HTTP/1.1\r\nHost: h\r\nauthorization: none\r\n\r\n")


class ExchangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ask(ASK)

    def ask(self, ask: Ask) -> None:
        self.reactor = MemoryReactorClock()
        self.answer = Deferred.fromCoroutine(exchange(self.reactor, SERVER, "sk-1", ask))
        _, _, factory, *_ = self.reactor.tcpClients[0]
        client: Any = factory.buildProtocol(SERVER)
        self.client, self.transport = client, StringTransportWithDisconnection()
        self.transport.protocol = client
        client.makeConnection(self.transport)

    def test_the_request_is_sent_and_the_response_given(self) -> None:
        self.assertTrue(self.transport.value().startswith(b"GET /v1/models HTTP/1.1\r\n"))
        self.client.dataReceived(WHOLE)
        self.assertEqual(self.successResultOf(self.answer), parse(WHOLE))
        self.assertFalse(self.transport.connected)

    @given(st.lists(st.integers(0, len(HEAD + CHUNKS)), max_size=9))
    def test_reads_of_any_size_give_the_same(self, cuts: list[int]) -> None:
        self.setUp()
        borders = [0, *sorted(cuts), len(HEAD + CHUNKS)]
        for start, end in pairwise(borders):
            self.client.dataReceived((HEAD + CHUNKS)[start:end])
        self.assertEqual(self.successResultOf(self.answer), parse(HEAD + CHUNKS))

    def test_a_connection_that_breaks_off_gives_what_had_come(self) -> None:
        self.client.dataReceived(HEAD + CHUNKS[:-2])
        self.assertNoResult(self.answer)
        self.transport.loseConnection()
        self.assertFalse(self.successResultOf(self.answer).whole)

    def test_a_client_that_is_to_leave_hangs_up(self) -> None:
        self.ask(evolve(ASK, leaves_after=2))
        self.client.dataReceived(HEAD + b"9\r\ndata: 1\n\n\r\n")
        self.assertNoResult(self.answer)
        self.assertTrue(self.transport.connected)
        self.client.dataReceived(b"f\r\ndata: 2\n\ndata: \r\n")
        self.assertEqual(self.successResultOf(self.answer).body, b"data: 1\n\ndata: 2\n\n")
        self.assertFalse(self.transport.connected)

    def test_an_answer_that_does_not_end_is_given_up(self) -> None:
        self.client.dataReceived(HEAD)
        self.reactor.advance(PATIENCE_SECONDS)
        self.failureResultOf(self.answer, TimeoutError)
        self.assertFalse(self.transport.connected)
