"""Tests of codexd.upstream.body."""

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from codexd.upstream.body import DRAIN_BYTES, DRAIN_SECONDS, BodyCollector, StreamedBody
from codexd.upstream.read_dispatcher import ReadDispatcher
from tests.support.cases import each_set_up


class RecordingReceiver:
    """A receiver that records the pieces and ends of a body."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ends: list[Failure | None] = []

    def body_received(self, data: bytes) -> None:
        self.pieces.append(data)

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    def body_ended(self, reason: Failure | None) -> None:
        self.ends.append(reason)


class StreamedBodyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.receiver, self.transport = Clock(), RecordingReceiver(), StringTransport()
        self.reads = ReadDispatcher()
        self.body = StreamedBody(self.receiver, self.clock, self.reads)
        self.body.makeConnection(self.transport)

    def test_both_regular_ends_end_the_body_without_a_reason(self) -> None:
        for reason in each_set_up(self, ResponseDone(), PotentialDataLoss()):
            self.body.dataReceived(b"a")
            self.body.connectionLost(Failure(reason))
            self.assertEqual((self.receiver.data, self.receiver.ends), (b"a", [None]))

    def read(self, *pieces: bytes, reason: Exception | None = None) -> None:
        """Deliver pieces with one read, and optionally the end."""

        def receive(_: bytes) -> None:
            for piece in pieces:
                self.body.dataReceived(piece)
            if reason is not None:
                self.body.connectionLost(Failure(reason))

        self.reads.dispatch(receive, b"")

    def test_the_pieces_of_one_read_are_delivered_together(self) -> None:
        self.read(b"a", b"b")
        self.read(b"c", b"d", reason=ResponseDone())
        self.assertEqual((self.receiver.pieces, self.receiver.ends), ([b"ab", b"cd"], [None]))

    def test_a_body_that_is_over_is_neither_drained_nor_aborted(self) -> None:
        for detach in each_set_up(self, StreamedBody.drain, StreamedBody.abort):
            self.receiver.body_received = lambda _, detach=detach: detach(self.body)  # type: ignore[method-assign]
            self.read(b"a", reason=ResponseDone())
            self.assertEqual((self.clock.getDelayedCalls(), self.receiver.ends), ([], []))
            self.assertFalse(self.transport.disconnecting)

    def test_a_lost_connection_is_reported(self) -> None:
        lost = Failure(ConnectionLost())
        self.body.connectionLost(lost)
        self.assertEqual(self.receiver.ends, [lost])

    def test_draining_aborts_after_a_number_of_bytes(self) -> None:
        self.body.pause()
        self.body.drain()
        self.assertEqual(self.transport.producerState, "producing")
        self.body.dataReceived(b"x" * DRAIN_BYTES)
        self.assertFalse(self.transport.disconnecting)
        self.body.dataReceived(b"x")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual((self.receiver.data, self.receiver.ends), (b"", []))

    def test_draining_aborts_after_a_time(self) -> None:
        self.body.drain()
        self.clock.advance(DRAIN_SECONDS)
        self.assertTrue(self.transport.disconnecting)

    def test_a_body_that_ends_while_draining_leaves_no_timer(self) -> None:
        self.body.drain()
        self.body.connectionLost(Failure(ResponseDone()))
        self.assertEqual((self.clock.getDelayedCalls(), self.transport.disconnecting), ([], False))


class BodyCollectorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.collected: list[bytes] = []
        self.transport = StringTransport()
        self.collector = BodyCollector(4, self.collected.append)
        self.collector.makeConnection(self.transport)

    def test_the_whole_body_is_returned_once(self) -> None:
        for data in (b"a", b"bc"):
            self.collector.dataReceived(data)
        self.collector.connectionLost(Failure(ResponseDone()))
        self.assertEqual((self.collected, self.transport.disconnecting), ([b"abc"], False))

    def test_a_body_over_the_limit_is_cut_and_the_connection_closed(self) -> None:
        self.collector.dataReceived(b"abcdef")
        self.collector.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.collected, self.transport.disconnecting), ([b"abcd"], True))

    def test_an_aborted_collector_does_not_call_back(self) -> None:
        self.collector.abort()
        self.collector.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.collected, self.transport.disconnecting), ([], True))
