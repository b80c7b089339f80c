from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import FakeTurn, message, text_answer
from tests.support.in_memory_server import BUFFER_BYTES, Connection, InMemoryServer, chat

CHAT = "/v1/chat/completions"
PIECE = "a" * 1000


class SlowReaderCase(SynchronousTestCase):
    """A stream whose client has stopped reading: its transport is full, its queue is not."""

    def setUp(self) -> None:
        self.server = InMemoryServer(Http(max_buffer_bytes=200_000, pause_seconds=1.0, write_timeout_seconds=30.0))
        self.connection, self.turn = self.stream()
        self.stop_reading()

    def stream(self) -> tuple[Connection, FakeTurn]:
        connection = self.server.connect()
        connection.request("POST", CHAT, chat(stream=True))
        turn = self.server.backend.turns[-1]
        turn.emit(e.Began(), e.MessageOpened(0, "m"))
        return connection, turn

    def stop_reading(self) -> None:
        """Let the client stop reading, and speak until its transport is full."""
        self.connection.transport.reading = False
        self.spoken = 0
        while not self.connection.transport.paused:
            self.speak(1)

    def speak(self, pieces: int) -> None:
        self.spoken += pieces
        for _ in range(pieces):
            self.turn.emit(e.TextDelta(0, PIECE))

    def fill(self) -> None:
        """Speak until the model is held."""
        while "pause" not in self.turn.actions:
            self.speak(1)

    def read_everything(self) -> None:
        self.connection.transport.reading = True
        self.connection.transport.read(10**7)

    def text(self) -> str:
        chunks = [one for one in self.connection.response.events if isinstance(one, dict)]
        return "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks)


class TestWaiting(SlowReaderCase):
    def test_a_full_transport_is_given_no_more(self) -> None:
        before = len(self.connection.transport.writes)
        self.speak(10)
        self.assertEqual(len(self.connection.transport.writes), before)

    def test_what_waited_arrives_whole_and_in_order(self) -> None:
        self.turn.emit(*(e.TextDelta(0, f"{number} ") for number in range(1000)))
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.read_everything()
        numbers = " ".join(map(str, range(1000)))
        self.assertEqual(self.text(), PIECE * self.spoken + numbers + " ")
        self.assertEqual(self.connection.response.events[-1], "[DONE]")

    def test_a_transport_that_is_empty_again_is_filled_and_no_more(self) -> None:
        self.speak(150)
        before = len(self.connection.transport.writes)
        self.connection.transport.read(10**7)
        written = self.connection.transport.writes[before:]
        self.assertTrue(self.connection.transport.paused)
        self.assertEqual(len(written), 1)
        self.assertLess(len(written[0]), 2 * BUFFER_BYTES)

    def test_an_answer_that_has_ended_is_over_when_it_is_taken(self) -> None:
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.assertEqual(self.server.log.records, [])
        self.read_everything()
        self.assertEqual(self.server.log.records[0].outcome, "ok")
        self.assertTrue(self.connection.open)
        self.assertEqual(len(self.server.clock.getDelayedCalls()), 1, "the idle time-out alone")

    def test_a_reader_that_catches_up_leaves_no_timer(self) -> None:
        self.speak(10)
        self.read_everything()
        self.server.clock.advance(1000)
        self.assertTrue(self.connection.open)
        self.assertEqual(self.turn.actions, [])


class TestHolding(SlowReaderCase):
    def test_a_full_queue_holds_the_model_once(self) -> None:
        self.speak(250)
        self.assertEqual(self.turn.actions, ["pause"])
        self.assertEqual(self.server.metric("codexd_client_paused_total"), 1)

    def test_half_of_it_taken_the_model_goes_on(self) -> None:
        self.fill()
        for _ in range(2):
            self.connection.transport.read(10**7)
        self.assertEqual(self.turn.actions, ["pause", "resume"])
        self.server.clock.advance(5)
        self.assertFalse(self.connection.transport.aborted)

    def test_held_too_long_the_client_is_cut(self) -> None:
        self.fill()
        self.server.clock.advance(0.99)
        self.assertFalse(self.connection.transport.aborted)
        self.server.clock.advance(0.02)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.turn.actions, ["pause", "resume", "cancel"])
        self.assertEqual(self.server.metric("codexd_client_dropped_total"), 1)
        (record,) = self.server.log.records
        self.assertEqual((record.outcome, record.status), ("slow_client", 200))
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        self.assertEqual(self.server.metric("codexd_requests_running"), 0)

    def test_all_choices_are_held_and_released(self) -> None:
        self.connection = self.server.connect()
        self.connection.request("POST", CHAT, chat(stream=True, n=2))
        first, second = self.server.backend.turns[1:]
        first.emit(e.Began(), e.MessageOpened(0, "m"))
        self.turn = first
        self.stop_reading()
        self.fill()
        self.assertEqual((first.actions, second.actions), (["pause"], ["pause"]))
        self.read_everything()
        self.assertEqual((first.actions, second.actions), (["pause", "resume"], ["pause", "resume"]))

    def test_a_model_that_ended_is_held_no_longer_and_its_reader_has_time(self) -> None:
        self.fill()
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.assertEqual(self.turn.actions, ["pause", "resume"])
        self.server.clock.advance(29)
        self.assertFalse(self.connection.transport.aborted)
        self.read_everything()
        self.assertEqual(self.connection.response.events[-1], "[DONE]")


class TestStalling(SlowReaderCase):
    def test_a_client_that_was_cut_gets_nothing_more_though_the_reactor_has_yet_to_tell_of_it(self) -> None:
        self.speak(1)
        self.patch(self.connection.transport, "abortConnection", lambda: None)
        self.server.clock.advance(30.1)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        before = len(self.connection.transport.writes)
        self.turn.emit(*text_answer())
        self.read_everything()
        self.assertEqual(len(self.connection.transport.writes), before)

    def test_a_reader_that_takes_nothing_is_cut_though_little_waits(self) -> None:
        self.speak(1)
        self.server.clock.advance(29.9)
        self.assertFalse(self.connection.transport.aborted)
        self.server.clock.advance(0.2)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.turn.actions, ["cancel"])

    def test_so_is_one_whose_answer_has_ended(self) -> None:
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.server.clock.advance(30.1)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.turn.actions, [])
        self.assertEqual(self.server.log.records[0].outcome, "slow_client")

    def test_one_that_takes_something_now_and_then_is_not(self) -> None:
        self.speak(120)
        for _ in range(2):
            self.server.clock.advance(29)
            self.connection.transport.read(10**7)
        self.server.clock.advance(29)
        self.assertFalse(self.connection.transport.aborted)

    def test_one_for_whom_nothing_waits_may_take_its_time(self) -> None:
        self.server.clock.advance(1000)
        self.assertFalse(self.connection.transport.aborted)


class TestOthers(SlowReaderCase):
    def test_the_others_are_never_hurt(self) -> None:
        other, turn = self.stream()
        self.fill()
        turn.emit(e.TextDelta(0, "b"))
        self.server.clock.advance(40)
        self.assertTrue(self.connection.transport.aborted)
        turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.assertEqual(other.response.events[-1], "[DONE]")
        self.assertEqual(turn.actions, [])

    def test_a_client_that_leaves_while_it_is_behind_is_forgotten(self) -> None:
        self.fill()
        self.connection.disconnect()
        self.assertEqual(self.turn.actions, ["pause", "resume", "cancel"])
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        self.turn.emit(*message(index=1))

    def test_the_connection_serves_the_next_request_afterwards(self) -> None:
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.connection.request("POST", CHAT, chat(stream=True))
        self.assertEqual(len(self.server.backend.turns), 1)
        self.read_everything()
        self.server.backend.turns[1].emit(*text_answer())
        self.assertEqual([one.events[-1] for one in self.connection.responses()], ["[DONE]", "[DONE]"])


class TestOutlet(SynchronousTestCase):
    def test_it_is_a_push_producer(self) -> None:
        server = InMemoryServer()
        connection = server.connect()
        connection.request("POST", CHAT, chat(stream=True))
        server.backend.turns[0].emit(e.Began())
        producer = connection.transport.producer._requestProducer
        self.assertTrue(verifyObject(IPushProducer, producer))
