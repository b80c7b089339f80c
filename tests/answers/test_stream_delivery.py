from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.answers.recording import Recording, RecordingOutcome
from codexd.answers.stream_delivery import StreamDelivery
from codexd.fronts.dialect import StreamEvent
from codexd.fronts.openai import CHAT as CHAT_DIALECT
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.policy.byte_budget import BudgetAccount, ByteBudget
from codexd.policy.flow import FlowLimits
from codexd.settings import Http
from tests.support.fake_backend import FakeTurn, message, text_answer
from tests.support.http_cases import CHAT
from tests.support.in_memory_server import BUFFER_BYTES, Connection, InMemoryServer, chat
from tests.support.list_writer import ListWriter

DELTA = "a" * 1000


class RecordingOwner:
    """Records what a delivery asks of its owner, and disconnects the client as an answer does (DeliveryOwner).

    Attributes:
        paused: whether the model is paused.
        actions: `pause` and `resume`, in order.
        ends: `delivered`, or why the client was disconnected.
    """

    ignored: tuple[str, ...] = ("seed",)

    def __init__(self) -> None:
        self.delivery: StreamDelivery
        self.paused = False
        self.actions: list[str] = []
        self.ends: list[str] = []

    def pause(self) -> None:
        assert not self.paused, "paused twice"
        self.paused = True
        self.actions.append("pause")

    def resume(self) -> None:
        if self.paused:
            self.actions.append("resume")
        self.paused = False

    def disconnect(self, outcome: str) -> None:
        self.ends.append(outcome)
        self.delivery.abort()

    def on_defect(self) -> None:
        raise

    def keep_alive(self) -> None:
        self.delivery.keep_alive()

    def delivered(self) -> None:
        self.ends.append("delivered")


class DeliveryHarness:
    """One delivery on a clock, with its recording, its writer and its owner."""

    LIMITS = FlowLimits(max_buffer_bytes=1000, pause_seconds=4.0, write_timeout_seconds=8.0)

    def __init__(self, recording: Recording | None = None, position: int = 0, room: int | None = None) -> None:
        self.clock = Clock()
        self.recording = recording or Recording(retain=False)
        self.writer = ListWriter(dialect=CHAT_DIALECT, room=room)
        self.owner = RecordingOwner()
        self.unsent = ByteBudget(10_000)
        self.delivery = self.owner.delivery = StreamDelivery(
            recording=self.recording,
            position=position,
            writer=self.writer,
            owner=self.owner,
            clock=self.clock,
            limits=self.LIMITS,
            account=BudgetAccount(self.unsent, "me"),
            keepalive_seconds=3.0,
        )
        self.delivery.start()

    def record(self, *events: StreamEvent) -> None:
        """Record events and notify the delivery, as the end of a reactor iteration does."""
        self.recording.append(events)
        self.recording.notify()

    def finish(self, *events: StreamEvent, outcome: RecordingOutcome = "complete") -> None:
        """Record the end, as an answer does."""
        self.recording.finish(events, outcome)
        self.delivery.finish()

    def read(self, room: int | None = None) -> None:
        """Let the client read everything; then so many calls of `write` fit into its transport."""
        self.writer.room = room
        self.delivery.resumeProducing()


def numbered(*numbers: int, size: int = 10) -> list[StreamEvent]:
    """Return events of this size, each with its number in its data."""
    return [(b"", b"%0*d" % (size, number)) for number in numbers]


class StreamDeliveryTests(SynchronousTestCase):
    """One delivery without an answer and without HTTP."""

    def setUp(self) -> None:
        self.harness = DeliveryHarness()
        self.writer, self.owner = self.harness.writer, self.harness.owner

    def test_it_is_a_push_producer(self) -> None:
        self.assertTrue(verifyObject(IPushProducer, self.harness.delivery))

    def test_the_first_event_opens_the_stream_with_the_ignored_fields(self) -> None:
        self.harness.recording.notify()
        self.assertIsNone(self.writer.opened)
        self.harness.record(*numbered(1))
        self.assertEqual((self.writer.opened, self.writer.calls), (("seed",), [numbered(1)]))

    def test_the_events_of_one_notification_leave_in_one_write(self) -> None:
        self.harness.record(*numbered(*range(200)))
        self.assertEqual(self.writer.calls, [numbered(*range(200))])

    def test_the_last_events_leave_with_the_end(self) -> None:
        self.harness.record(*numbered(1))
        self.harness.finish(*numbered(2, 3))
        self.assertEqual(self.writer.calls, [numbered(1), numbered(2, 3)])
        self.assertEqual((self.writer.complete, self.owner.ends), (True, ["delivered"]))
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])

    def test_a_recording_without_events_is_an_empty_stream(self) -> None:
        self.harness.finish()
        self.assertEqual((self.writer.opened, self.writer.events), (("seed",), []))
        self.assertEqual((self.writer.complete, self.owner.ends), (True, ["delivered"]))

    def test_a_failed_recording_ends_the_stream_as_incomplete(self) -> None:
        self.harness.finish(*numbered(1), outcome="failed")
        self.assertEqual((self.writer.complete, self.owner.ends), (False, ["delivered"]))

    def test_a_broken_recording_aborts_the_connection(self) -> None:
        self.harness.record(*numbered(1))
        self.harness.finish(outcome="broken")
        self.assertEqual(self.writer.events, numbered(1))
        self.assertEqual((self.writer.aborted, self.writer.complete), (True, None))
        self.assertEqual(self.owner.ends, ["internal"])

    def test_an_error_takes_the_place_of_a_stream_that_was_not_opened(self) -> None:
        self.harness.delivery.refuse(fault("busy"))
        self.assertEqual(self.writer.error, CHAT_DIALECT.render_error(fault("busy")))
        self.assertEqual(self.owner.ends, ["delivered"])
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])

    def test_a_backlog_leaves_in_batches_so_that_the_transport_can_stop_it(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.record(*numbered(*range(1, 200)))
        self.harness.read(room=2)
        self.assertEqual([len(call) for call in self.writer.calls], [1, 64, 64])
        self.harness.read()
        self.assertEqual(self.writer.events, numbered(*range(200)))

    def test_a_reader_behind_does_not_release_events_that_another_reader_needs(self) -> None:
        first = DeliveryHarness(Recording(), room=1)
        second = DeliveryHarness(first.recording)
        first.record(*numbered(1))
        first.record(*numbered(2))
        self.assertEqual((first.writer.events, second.writer.events), (numbered(1), numbered(1, 2)))
        first.read()
        self.assertEqual(first.writer.events, numbered(1, 2))

    def test_buffered_bytes_are_counted_once_however_often_the_delivery_is_notified(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.record(*numbered(1, size=900))
        for _ in range(10):
            self.harness.recording.notify()
            self.harness.delivery.advance()
        self.assertEqual(self.owner.actions, [])
        self.harness.record(*numbered(2, size=101))
        self.assertEqual(self.owner.actions, ["pause"])

    def test_a_paused_model_is_resumed_at_half_of_the_queue(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.record(*numbered(*range(1, 140)))
        self.harness.read(room=1)
        self.assertEqual(self.owner.actions, ["pause"])
        self.harness.read(room=1)
        self.assertEqual(self.owner.actions, ["pause", "resume"])

    def test_a_paused_model_is_resumed_when_the_end_is_recorded(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.record(*numbered(1, size=1001))
        self.harness.finish()
        self.assertEqual((self.owner.actions, self.owner.ends), (["pause", "resume"], []))

    def test_events_that_fill_the_queue_with_the_end_do_not_pause_the_model(self) -> None:
        harness = DeliveryHarness(room=1)
        harness.record(*numbered(0))
        harness.record(*numbered(1, size=995))
        harness.finish(*numbered(2))
        self.assertNotIn("pause", harness.owner.actions)

    def test_a_paused_model_is_resumed_at_the_end_of_the_stream(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.record(*numbered(1, size=1001))
        self.harness.recording.finish((), "complete")
        self.harness.read()
        self.assertEqual((self.owner.actions, self.owner.ends), (["pause", "resume"], ["delivered"]))

    def test_a_client_that_reads_nothing_is_disconnected(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.record(*numbered(1))
        self.harness.clock.advance(7.9)
        self.assertEqual(self.owner.ends, [])
        self.harness.clock.advance(0.2)
        self.assertEqual((self.owner.ends, self.writer.aborted), (["slow_client"], True))
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])

    def test_a_client_for_which_the_model_was_paused_too_long_is_disconnected(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.record(*numbered(1, size=1001))
        self.harness.clock.advance(4.1)
        self.assertEqual(self.owner.ends, ["slow_client"])

    def test_if_waiting_is_forbidden_the_backlog_and_the_end_are_sent_once_the_end_is_recorded(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.record(*numbered(1))
        self.harness.delivery.forbid_waiting()
        self.assertEqual((self.owner.ends, len(self.writer.events)), ([], 1))
        self.writer.accepts_excess = True
        self.harness.finish()
        self.assertEqual((self.owner.ends, self.writer.aborted), (["delivered"], False))
        self.assertEqual(self.writer.events, numbered(0, 1))

    def test_silence_is_covered_by_the_keepalive_of_the_transport(self) -> None:
        self.harness.record(*numbered(0))
        self.harness.clock.advance(3)
        self.assertEqual(self.writer.keepalives, 1)

    def test_a_full_transport_gets_no_keepalive(self) -> None:
        self.writer.room = 1
        self.harness.record(*numbered(0))
        self.harness.clock.advance(3)
        self.assertEqual(self.writer.keepalives, 0)

    def test_nothing_is_sent_after_it_was_stopped(self) -> None:
        self.harness.record(*numbered(0))
        self.harness.delivery.stop()
        self.harness.delivery.stop()
        self.harness.finish(*numbered(1))
        self.harness.clock.advance(100)
        self.assertEqual((self.writer.events, self.writer.ends, self.owner.ends), (numbered(0), 0, []))
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])


class DeliveryMachine(RuleBasedStateMachine):
    """Any order of recording, reading, pausing and ending.

    Attributes:
        recorded: all events, those before the first that is sent included.
        noticed: how many of them the delivery has been notified of.
        start: the number of the first event to send.
        stopped: the delivery was stopped.
        waiting_forbidden: the rest is to be sent without waiting for the client once the end is recorded.
    """

    @initialize(retain=st.booleans(), earlier=st.integers(0, 100), start=st.integers(0, 100))
    def begin(self, retain: bool, earlier: int, start: int) -> None:
        self.recorded = numbered(*range(earlier if retain else 0))
        self.start = min(start, len(self.recorded))
        self.harness = DeliveryHarness(Recording(self.recorded, retain=retain), self.start)
        self.writer, self.owner = self.harness.writer, self.harness.owner
        self.recording, self.delivery = self.harness.recording, self.harness.delivery
        self.noticed = 0
        self.stopped = self.waiting_forbidden = False

    def _new_events(self, count: int, size: int) -> list[StreamEvent]:
        events = numbered(*range(len(self.recorded), len(self.recorded) + count), size=size)
        self.recorded = self.recorded + events
        return events

    @property
    def over(self) -> bool:
        return self.recording.outcome is not None

    @precondition(lambda self: not self.over)
    @rule(count=st.integers(0, 150), size=st.integers(4, 300))
    def append(self, count: int, size: int) -> None:
        self.recording.append(self._new_events(count, size))

    @rule()
    def notify(self) -> None:
        self.noticed = len(self.recorded)
        self.recording.notify()

    @precondition(lambda self: not self.over)
    @rule(count=st.integers(0, 100), outcome=st.sampled_from(("complete", "failed", "broken")))
    def finish(self, count: int, outcome: RecordingOutcome) -> None:
        events = self._new_events(count, 20)
        self.noticed = len(self.recorded)
        self.harness.finish(*events, outcome=outcome)

    @precondition(lambda self: self.writer.producer is not None and self.writer.ends == 0)
    @rule()
    def pause(self) -> None:
        self.writer.room = 0
        self.delivery.pauseProducing()

    @precondition(lambda self: self.writer.room == 0)
    @rule(room=st.sampled_from((None, 1, 2)))
    def resume(self, room: int | None) -> None:
        self.noticed = len(self.recorded)
        self.harness.read(room)

    @rule(room=st.integers(1, 3))
    def fill_soon(self, room: int) -> None:
        """The transport is full after so many more writes."""
        self.writer.room = self.writer.room or room if self.writer.room != 0 else 0

    @rule()
    def forbid_waiting(self) -> None:
        self.noticed = len(self.recorded)
        self.waiting_forbidden = self.writer.accepts_excess = True
        self.delivery.forbid_waiting()

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        self.harness.clock.advance(seconds)

    @rule(lost=st.booleans())
    def stop(self, lost: bool) -> None:
        """The client leaves."""
        if lost:
            self.delivery.stopProducing()
        self.delivery.stop()
        self.stopped = True

    @invariant()
    def the_client_has_the_recorded_events_in_order_once(self) -> None:
        sent = self.writer.events
        assert sent == self.recorded[self.start : self.start + len(sent)]

    @invariant()
    def nothing_waits_while_the_transport_has_room(self) -> None:
        if self.running and self.writer.room != 0:
            assert self.start + len(self.writer.events) >= self.noticed

    @invariant()
    def there_is_one_end(self) -> None:
        behind = self.start + len(self.writer.events) < len(self.recorded)
        assert len(self.owner.ends) == self.writer.ends <= 1
        if self.owner.ends == ["delivered"]:
            assert not behind
            assert self.writer.complete is (self.recording.outcome == "complete")
        elif self.owner.ends:
            assert self.writer.aborted
        if self.over and not self.stopped:
            # A replay also waits for its last write to leave the transport.
            unread = behind or (self.recording.retained and self.writer.room == 0)
            assert bool(self.owner.ends) or (unread and not self.waiting_forbidden)

    @invariant()
    def a_broken_recording_aborts(self) -> None:
        if self.recording.outcome == "broken":
            assert "delivered" not in self.owner.ends

    @invariant()
    def the_model_is_paused_while_too_much_waits(self) -> None:
        """Above the limit it is paused, at half of it it is resumed, at the end always."""
        waiting = sum(len(data) for _, data in self.recorded[self.start + len(self.writer.events) : self.noticed])
        limit = DeliveryHarness.LIMITS.max_buffer_bytes
        if self.running and self.noticed:
            if waiting > limit and not self.over:
                assert self.owner.paused
            if waiting <= limit // 2 or self.over:
                assert not self.owner.paused
        if self.owner.ends == ["delivered"]:
            assert not self.owner.paused

    @invariant()
    def no_timer_is_left_after_the_end(self) -> None:
        if not self.running:
            assert self.harness.clock.getDelayedCalls() == []

    @property
    def running(self) -> bool:
        return not (self.stopped or self.owner.ends)

    def teardown(self) -> None:
        """A client that reads everything has everything, unless it was disconnected."""
        if not hasattr(self, "harness"):
            return
        self.harness.read()
        if not self.over:
            self.finish(3, "complete")
        if not self.stopped and self.owner.ends == ["delivered"]:
            assert self.writer.events == self.recorded[self.start :]
        assert self.stopped or len(self.owner.ends) == 1


class DeliveryOrderTests(SynchronousTestCase):
    def test_a_client_gets_the_recorded_events_in_order_once_and_one_end(self) -> None:
        run_state_machine_as_test(
            DeliveryMachine, settings=settings(settings.get_profile("many"), stateful_step_count=40)
        )


class SlowClientTestCase(SynchronousTestCase):
    """A stream whose client has stopped reading: its transport is full, its queue is not."""

    def setUp(self) -> None:
        self.server = InMemoryServer(Http(max_buffer_bytes=200_000, pause_seconds=1.0, write_timeout_seconds=30.0))
        self.connection, self.turn = self.start_stream()
        self.stop_reading()

    def start_stream(self) -> tuple[Connection, FakeTurn]:
        connection = self.server.connect()
        connection.request("POST", CHAT, chat(stream=True))
        turn = self.server.backend.turns[-1]
        turn.emit(e.Began(), e.MessageOpened(0, "m"))
        return connection, turn

    def stop_reading(self) -> None:
        """Let the client stop reading, and emit deltas until its transport is full."""
        self.connection.transport.reading = False
        self.emitted = 0
        while not self.connection.transport.paused:
            self.emit(1)

    def emit(self, deltas: int) -> None:
        self.emitted += deltas
        for _ in range(deltas):
            self.turn.emit(e.TextDelta(0, DELTA))

    def fill_queue(self) -> None:
        """Emit deltas until the model is paused."""
        while "pause" not in self.turn.actions:
            self.emit(1)

    def read_everything(self) -> None:
        self.connection.transport.reading = True
        self.connection.transport.read(10**7)

    def text(self) -> str:
        chunks = [one for one in self.connection.response.events if isinstance(one, dict)]
        return "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks)


class QueueTests(SlowClientTestCase):
    def test_nothing_is_written_to_a_full_transport(self) -> None:
        before = len(self.connection.transport.writes)
        self.emit(10)
        self.assertEqual(len(self.connection.transport.writes), before)

    def test_queued_events_arrive_completely_and_in_order(self) -> None:
        self.turn.emit(*(e.TextDelta(0, f"{number} ") for number in range(1000)))
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.read_everything()
        numbers = " ".join(map(str, range(1000)))
        self.assertEqual(self.text(), DELTA * self.emitted + numbers + " ")
        self.assertEqual(self.connection.response.events[-1], "[DONE]")

    def test_an_empty_transport_is_filled_once(self) -> None:
        self.emit(150)
        before = len(self.connection.transport.writes)
        self.connection.transport.read(10**7)
        written = self.connection.transport.writes[before:]
        self.assertTrue(self.connection.transport.paused)
        self.assertEqual(len(written), 1)
        self.assertLess(len(written[0]), 2 * BUFFER_BYTES)

    def test_an_ended_answer_is_over_when_the_client_has_read_it(self) -> None:
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.assertEqual(self.server.log.records, [])
        self.read_everything()
        self.assertEqual(self.server.log.records[0].outcome, "ok")
        self.assertTrue(self.connection.open)
        self.assertEqual(len(self.server.clock.getDelayedCalls()), 1, "the idle timeout alone")

    def test_a_client_that_catches_up_leaves_no_timer(self) -> None:
        self.emit(10)
        self.read_everything()
        self.server.clock.advance(1000)
        self.assertTrue(self.connection.open)
        self.assertEqual(self.turn.actions, [])


class PauseTests(SlowClientTestCase):
    def test_a_full_queue_pauses_the_model_once(self) -> None:
        self.emit(250)
        self.assertEqual(self.turn.actions, ["pause"])
        self.assertEqual(self.server.metric("codexd_client_paused_total"), 1)
        self.read_everything()
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.read_everything()
        (record,) = self.server.log.records
        self.assertEqual(record.model_pauses, 1)
        self.assertGreaterEqual(record.client_stalls, 1)

    def test_the_model_is_resumed_when_half_of_the_queue_was_read(self) -> None:
        self.fill_queue()
        for _ in range(2):
            self.connection.transport.read(10**7)
        self.assertEqual(self.turn.actions, ["pause", "resume"])
        self.server.clock.advance(5)
        self.assertFalse(self.connection.transport.aborted)

    def test_a_client_for_which_the_model_was_paused_too_long_is_disconnected(self) -> None:
        self.fill_queue()
        self.server.clock.advance(0.99)
        self.assertFalse(self.connection.transport.aborted)
        self.server.clock.advance(0.02)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.turn.actions, ["pause", "resume", "cancel"])
        self.assertEqual(self.server.metric("codexd_slow_client_total"), 1)
        (record,) = self.server.log.records
        self.assertEqual((record.outcome, record.status), ("slow_client", 200))
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        self.assertEqual(self.server.metric("codexd_requests_running"), 0)

    def test_all_choices_are_paused_and_resumed(self) -> None:
        self.connection = self.server.connect()
        self.connection.request("POST", CHAT, chat(stream=True, n=2))
        first, second = self.server.backend.turns[1:]
        first.emit(e.Began(), e.MessageOpened(0, "m"))
        self.turn = first
        self.stop_reading()
        self.fill_queue()
        self.assertEqual((first.actions, second.actions), (["pause"], ["pause"]))
        self.read_everything()
        self.assertEqual((first.actions, second.actions), (["pause", "resume"], ["pause", "resume"]))

    def test_a_model_that_ended_is_not_paused_and_its_client_has_time_to_read(self) -> None:
        self.fill_queue()
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.assertEqual(self.turn.actions, ["pause", "resume"])
        self.server.clock.advance(29)
        self.assertFalse(self.connection.transport.aborted)
        self.read_everything()
        self.assertEqual(self.connection.response.events[-1], "[DONE]")


class BudgetTests(SynchronousTestCase):
    """The backlogs of all clients have a budget."""

    def setUp(self) -> None:
        self.harness = DeliveryHarness(room=1)
        self.harness.record(*numbered(*range(60)))

    def test_a_backlog_is_counted_until_it_is_read_or_the_delivery_stops(self) -> None:
        self.harness.record(*numbered(*range(60, 100)))
        self.assertEqual(self.harness.unsent.total_bytes, 400)
        self.harness.read()
        self.assertEqual(self.harness.unsent.total_bytes, 0)
        self.harness.writer.room = 0
        self.harness.delivery.pauseProducing()
        self.harness.record(*numbered(*range(50)))
        self.assertEqual(self.harness.unsent.total_bytes, 500)
        self.harness.delivery.stop()
        self.assertEqual(self.harness.unsent.total_bytes, 0)

    def test_while_its_principal_is_over_the_budget_a_client_is_disconnected_soon(self) -> None:
        self.harness.record(*numbered(*range(50)))
        self.harness.clock.advance(3)
        self.assertEqual(self.harness.owner.ends, [])
        self.harness.unsent.change("me", 10_000)
        self.harness.unsent.change("other", 100)
        self.harness.clock.pump([1.0] * 6)
        self.assertEqual(self.harness.owner.ends, ["slow_client"])

    def test_whoever_is_below_his_share_is_not_disconnected(self) -> None:
        self.harness.record(*numbered(*range(50)))
        self.harness.unsent.change("other", 10_000)
        self.harness.clock.pump([1.0] * 7)
        self.assertEqual(self.harness.owner.ends, [])


class WriteTimeoutTests(SlowClientTestCase):
    def test_a_disconnected_client_gets_nothing_more_before_the_reactor_reports_the_lost_connection(self) -> None:
        self.emit(1)
        self.patch(self.connection.transport, "abortConnection", lambda: None)
        self.server.clock.advance(30.1)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        before = len(self.connection.transport.writes)
        self.turn.emit(*text_answer())
        self.read_everything()
        self.assertEqual(len(self.connection.transport.writes), before)

    def test_a_client_that_reads_nothing_is_disconnected_however_small_its_backlog(self) -> None:
        self.emit(1)
        self.server.clock.advance(29.9)
        self.assertFalse(self.connection.transport.aborted)
        self.server.clock.advance(0.2)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.turn.actions, ["cancel"])

    def test_a_client_that_reads_nothing_is_disconnected_after_the_end_too(self) -> None:
        self.turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.server.clock.advance(30.1)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual(self.turn.actions, [])
        self.assertEqual(self.server.log.records[0].outcome, "slow_client")

    def test_a_client_that_reads_now_and_then_is_not_disconnected(self) -> None:
        self.emit(120)
        for _ in range(2):
            self.server.clock.advance(29)
            self.connection.transport.read(10**7)
        self.server.clock.advance(29)
        self.assertFalse(self.connection.transport.aborted)

    def test_a_client_without_a_backlog_is_not_disconnected(self) -> None:
        self.server.clock.advance(1000)
        self.assertFalse(self.connection.transport.aborted)


class IsolationTests(SlowClientTestCase):
    def test_other_clients_are_not_affected(self) -> None:
        other, turn = self.start_stream()
        self.fill_queue()
        turn.emit(e.TextDelta(0, "b"))
        self.server.clock.advance(40)
        self.assertTrue(self.connection.transport.aborted)
        turn.emit(e.MessageClosed(0), e.Ended("stop"))
        self.assertEqual(other.response.events[-1], "[DONE]")
        self.assertEqual(turn.actions, [])

    def test_a_client_that_disconnects_with_a_backlog_leaves_nothing_running(self) -> None:
        self.fill_queue()
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
