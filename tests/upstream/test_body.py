"""Bodies: as they come, whole, or left to their end."""

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from codexd.upstream.body import DRAIN_BYTES, DRAIN_SECONDS, Collector, Stream
from codexd.upstream.reads import Reads


class Listening:
    def __init__(self) -> None:
        self.heard_of: list[bytes] = []
        self.ends: list[Failure | None] = []

    def heard(self, data: bytes) -> None:
        self.heard_of.append(data)

    @property
    def data(self) -> bytes:
        return b"".join(self.heard_of)

    def ended(self, reason: Failure | None) -> None:
        self.ends.append(reason)


class StreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.reader, self.transport = Clock(), Listening(), StringTransport()
        self.reads = Reads()
        self.stream = Stream(self.reader, self.clock, self.reads)
        self.stream.makeConnection(self.transport)

    def test_both_ends_of_a_body_that_are_no_accident_are_its_end(self) -> None:
        for reason in (ResponseDone(), PotentialDataLoss()):
            self.setUp()
            self.stream.dataReceived(b"a")
            self.stream.connectionLost(Failure(reason))
            self.assertEqual((self.reader.data, self.reader.ends), (b"a", [None]))

    def read(self, *pieces: bytes, reason: Exception | None = None) -> None:
        """Have pieces come with one read, and perhaps the end."""

        def receive(_: bytes) -> None:
            for piece in pieces:
                self.stream.dataReceived(piece)
            if reason is not None:
                self.stream.connectionLost(Failure(reason))

        self.reads.bring(receive, b"")

    def test_what_comes_with_one_read_comes_in_one_piece(self) -> None:
        self.read(b"a", b"b")
        self.read(b"c", b"d", reason=ResponseDone())
        self.assertEqual((self.reader.heard_of, self.reader.ends), ([b"ab", b"cd"], [None]))

    def test_a_body_that_is_over_is_not_waited_for_and_not_cut(self) -> None:
        for let_go in (Stream.drain, Stream.abort):
            self.setUp()
            self.reader.heard = lambda _, let_go=let_go: let_go(self.stream)  # type: ignore[method-assign]
            self.read(b"a", reason=ResponseDone())
            self.assertEqual((self.clock.getDelayedCalls(), self.reader.ends), ([], []))
            self.assertFalse(self.transport.disconnecting)

    def test_an_accident_is_told(self) -> None:
        lost = Failure(ConnectionLost())
        self.stream.connectionLost(lost)
        self.assertEqual(self.reader.ends, [lost])

    def test_what_comes_after_the_reader_has_all_it_wants_is_read_so_far(self) -> None:
        self.stream.hold()
        self.stream.drain()
        self.assertEqual(self.transport.producerState, "producing")
        self.stream.dataReceived(b"x" * DRAIN_BYTES)
        self.assertFalse(self.transport.disconnecting)
        self.stream.dataReceived(b"x")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual((self.reader.data, self.reader.ends), (b"", []))

    def test_and_so_long(self) -> None:
        self.stream.drain()
        self.clock.advance(DRAIN_SECONDS)
        self.assertTrue(self.transport.disconnecting)

    def test_a_body_that_ends_in_time_leaves_no_timer(self) -> None:
        self.stream.drain()
        self.stream.connectionLost(Failure(ResponseDone()))
        self.assertEqual((self.clock.getDelayedCalls(), self.transport.disconnecting), ([], False))


class CollectorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.given: list[bytes] = []
        self.transport = StringTransport()
        self.collector = Collector(4, self.given.append)
        self.collector.makeConnection(self.transport)

    def test_it_gives_the_whole_once(self) -> None:
        for data in (b"a", b"bc"):
            self.collector.dataReceived(data)
        self.collector.connectionLost(Failure(ResponseDone()))
        self.assertEqual((self.given, self.transport.disconnecting), ([b"abc"], False))

    def test_it_gives_no_more_than_its_limit_and_cuts_the_rest(self) -> None:
        self.collector.dataReceived(b"abcdef")
        self.collector.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.given, self.transport.disconnecting), ([b"abcd"], True))

    def test_given_up_it_gives_nothing(self) -> None:
        self.collector.abort()
        self.collector.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.given, self.transport.disconnecting), ([], True))
