from itertools import pairwise
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from tests.parity.client import (
    RESPONSE_TIMEOUT_SECONDS,
    HttpResponse,
    encode_request,
    parse_response,
    send_request,
    truncate,
)
from tests.parity.scenario import ScenarioRequest

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5\r\ndata:\r\na;x=y\r\n \xc3\xa9 one\r\n\n\r\n1\r\n\n\r\n0\r\n\r\n"
COMPLETE = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
WITHOUT_BODY = b"HTTP/1.1 204 No Content\r\n\r\n"
SERVER = IPv4Address("TCP", "127.0.0.1", 80)
REQUEST = ScenarioRequest(path="/v1/models", method="GET")


class ParseTests(SynchronousTestCase):
    def test_a_chunked_body_is_decoded(self) -> None:
        response = parse_response(HEAD + CHUNKS)
        self.assertEqual((response.body, response.complete), ("data: é one\r\n\n\n".encode(), True))

    def test_the_head_is_returned_line_by_line(self) -> None:
        response = parse_response(COMPLETE)
        self.assertEqual(response.head, ("HTTP/1.1 429 Too Many Requests", "Retry-After: 1", "Content-Length: 2"))
        self.assertEqual((response.status, response.header("retry-after"), response.header("allow")), (429, "1", None))

    def test_a_response_without_a_body_is_complete(self) -> None:
        self.assertEqual(parse_response(WITHOUT_BODY), HttpResponse(("HTTP/1.1 204 No Content",), b"", complete=True))

    def test_a_response_that_is_cut_anywhere_is_incomplete(self) -> None:
        for data in (HEAD + CHUNKS, COMPLETE, WITHOUT_BODY):
            for end in range(len(data)):
                self.assertFalse(parse_response(data[:end]).complete, data[:end])

    def test_an_incomplete_response_has_the_body_received_so_far(self) -> None:
        self.assertEqual(parse_response((HEAD + CHUNKS)[: len(HEAD) + 18]).body, b"data: ")

    def test_data_after_the_end_make_a_response_incomplete(self) -> None:
        for data in (HEAD + CHUNKS, COMPLETE, WITHOUT_BODY):
            self.assertFalse(parse_response(data + b"!").complete)


class TruncateTests(SynchronousTestCase):
    def test_a_stream_is_cut_after_the_given_events(self) -> None:
        for complete in (True, False):
            stream = HttpResponse(("HTTP/1.1 200 OK",), b"data: 1\n\ndata: 2\n\ndata: 3", complete)
            self.assertEqual(truncate(stream, 1), HttpResponse(stream.head, b"data: 1\n\n", complete=True))
            self.assertEqual(truncate(stream, 2), HttpResponse(stream.head, b"data: 1\n\ndata: 2\n\n", complete=True))

    def test_a_stream_with_fewer_events_is_unchanged(self) -> None:
        for complete in (True, False):
            stream = HttpResponse(("HTTP/1.1 200 OK",), b"data: 1\n\n", complete)
            self.assertIs(truncate(stream, 2), stream)


class EncodeTests(SynchronousTestCase):
    def test_a_body_has_a_type_and_a_length(self) -> None:
        self.assertEqual(
            encode_request(ScenarioRequest(path="/v1/responses", body=b"{}"), "127.0.0.1:80", "sk-1"),
            b"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer sk-1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        )

    def test_a_header_of_the_request_replaces_the_usual_one(self) -> None:
        sent = encode_request(
            ScenarioRequest(path="/x", method="GET", headers=(("authorization", "none"),)), "h", "sk-1"
        )
        self.assertEqual(sent, b"GET /x HTTP/1.1\r\nHost: h\r\nauthorization: none\r\n\r\n")


class SendTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.send(REQUEST)

    def send(self, request: ScenarioRequest) -> None:
        self.reactor = MemoryReactorClock()
        self.response = Deferred.fromCoroutine(send_request(self.reactor, SERVER, "sk-1", request))
        _, _, factory, *_ = self.reactor.tcpClients[0]
        client: Any = factory.buildProtocol(SERVER)
        self.client, self.transport = client, StringTransportWithDisconnection()
        self.transport.protocol = client
        client.makeConnection(self.transport)

    def test_the_request_is_sent_and_the_response_returned(self) -> None:
        self.assertTrue(self.transport.value().startswith(b"GET /v1/models HTTP/1.1\r\n"))
        self.client.dataReceived(COMPLETE)
        self.assertEqual(self.successResultOf(self.response), parse_response(COMPLETE))
        self.assertFalse(self.transport.connected)

    @given(st.lists(st.integers(0, len(HEAD + CHUNKS)), max_size=9))
    def test_reads_of_any_size_give_the_same_response(self, positions: list[int]) -> None:
        self.setUp()
        borders = [0, *sorted(positions), len(HEAD + CHUNKS)]
        for start, end in pairwise(borders):
            self.client.dataReceived((HEAD + CHUNKS)[start:end])
        self.assertEqual(self.successResultOf(self.response), parse_response(HEAD + CHUNKS))

    def test_a_closed_connection_gives_an_incomplete_response(self) -> None:
        self.client.dataReceived(HEAD + CHUNKS[:-2])
        self.assertNoResult(self.response)
        self.transport.loseConnection()
        self.assertFalse(self.successResultOf(self.response).complete)

    def test_the_client_disconnects_after_the_given_events(self) -> None:
        self.send(evolve(REQUEST, disconnect_after_events=2))
        self.client.dataReceived(HEAD + b"9\r\ndata: 1\n\n\r\n")
        self.assertNoResult(self.response)
        self.assertTrue(self.transport.connected)
        self.client.dataReceived(b"f\r\ndata: 2\n\ndata: \r\n")
        self.assertEqual(self.successResultOf(self.response).body, b"data: 1\n\ndata: 2\n\n")
        self.assertFalse(self.transport.connected)

    def test_a_response_that_does_not_end_times_out(self) -> None:
        self.client.dataReceived(HEAD)
        self.reactor.advance(RESPONSE_TIMEOUT_SECONDS)
        self.failureResultOf(self.response, TimeoutError)
        self.assertFalse(self.transport.connected)
