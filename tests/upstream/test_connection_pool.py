"""Tests of codexd.upstream.connection_pool, over connections in memory."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import Message, TextPart
from tests.support.chat_chunks import DONE, chunk, frames
from tests.support.fake_upstream import SETTINGS, TURN, FakeConnection, UpstreamHarness

ANSWER = frames(chunk({"content": "Hello"}), chunk({}, "stop")) + DONE
LONG_TURN = evolve(TURN, items=(Message(role="user", parts=(TextPart("x" * 2**21),)),))


class ReusedConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = UpstreamHarness(evolve(SETTINGS, retries=0))

    def answer(self) -> FakeConnection:
        """Answer one turn, after which its connection is unused."""
        self.harness.begin()
        connection = self.harness.accept()
        connection.send_response(ANSWER)
        connection.clear()
        return connection

    def test_a_request_on_a_connection_that_the_server_closed_is_sent_again(self) -> None:
        for clean in (True, False):
            first = self.answer()
            sink, _ = self.harness.begin()
            first.close(clean)
            second = self.harness.accept()
            self.assertEqual(second.value(), first.value())
            second.send_response(ANSWER)
            self.assertEqual(sink.text, "Hello")
            second.close()

    def test_all_of_a_long_body_is_sent_again(self) -> None:
        first = self.answer()
        sink, _ = self.harness.begin(LONG_TURN)
        first.close()
        second = self.harness.accept()
        while second.producer is not None:
            second.producer.resumeProducing()
        self.assertEqual(second.request_json["messages"][0]["content"], "x" * 2**21)
        second.send_response(ANSWER)
        self.assertEqual(sink.text, "Hello")

    def test_every_connection_that_the_server_closed_is_tried_then_a_new_one(self) -> None:
        self.harness.begin()
        first = self.harness.accept()
        self.harness.begin()
        second = self.harness.accept()
        for connection in (first, second):
            connection.send_response(ANSWER)
        sink, _ = self.harness.begin()
        first.close()
        second.close()
        self.harness.accept().send_response(ANSWER)
        self.assertEqual(sink.text, "Hello")

    def test_a_new_connection_that_the_server_closes_is_a_failure(self) -> None:
        sink, _ = self.harness.begin()
        self.harness.accept().close()
        self.assertEqual(sink.kind, "unreachable")
        self.assertEqual(self.harness.connection_count, 1)

    def test_a_second_failure_on_a_new_connection_is_final(self) -> None:
        first = self.answer()
        sink, _ = self.harness.begin()
        first.close()
        self.harness.accept().close()
        self.assertEqual((sink.kind, self.harness.connection_count), ("unreachable", 2))

    def test_a_response_that_began_is_not_asked_for_again(self) -> None:
        first = self.answer()
        sink, _ = self.harness.begin()
        first.send(b"HTTP/1.1 200 OK\r\n")
        first.close()
        self.assertTrue(sink.over)
        self.assertEqual(self.harness.connection_count, 1)

    def test_a_cancelled_request_is_not_sent_again(self) -> None:
        first = self.answer()
        _, handle = self.harness.begin()
        handle.cancel()
        self.harness.clock.advance(0)
        self.assertEqual((first.aborted, self.harness.connection_count), (True, 1))
