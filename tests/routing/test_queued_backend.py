"""Tests of the queue in front of a back end (codexd.routing.queued_backend, codexd.routing.turn_queue)."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.interfaces import IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.turn import ToolResult, Turn
from codexd.settings import Queue
from tests.support.fake_backend import FakeTurn, text_answer
from tests.support.limited_backend import QueueHarness, context_of
from tests.support.metric_samples import metric
from tests.support.recording_sink import RecordingSink

TURN = Turn(model="m", items=())
RESULT = ToolResult(call_id="call_1", parts=())


class QueuedBackendTestCase(SynchronousTestCase):
    def build(self, limit: int = 1, **settings: float) -> None:
        self.queue = QueueHarness(limit, Queue(**settings))
        self.clock, self.model = self.queue.clock, self.queue.model

    def setUp(self) -> None:
        self.build()

    def begin(self, principal: str = "a", turn: Turn = TURN, deadline: float | None = None) -> RecordingSink:
        sink = RecordingSink(strict=False)
        self.context = context_of(principal, deadline)
        self.handle = self.queue.backend.begin(evolve(turn, principal=principal), self.context, sink)
        return sink

    def refused(self, principal: str = "a", turn: Turn = TURN) -> Fault:
        return self.assertRaises(FaultError, self.begin, principal, turn).fault

    def finish(self, index: int = 0) -> None:
        """End a running turn, and let the next reactor iteration pass."""
        self.model.finish(index)
        self.clock.advance(0)

    def begun(self) -> str:
        """Return the principals of the turns that were begun, in order."""
        return "".join(turn.context.principal for turn in self.model.turns)

    def failure(self, sink: RecordingSink) -> Fault:
        failed = sink.events[-1]
        assert isinstance(failed, e.Failed)
        return failed.fault

    def outcomes(self, outcome: str) -> float:
        return metric(self.queue.metrics, "codexd_queued_total", backend="codex", outcome=outcome)


class QueuedBackendTests(QueuedBackendTestCase):
    def test_a_principal_whose_own_limit_is_reached_learns_that_it_is_his(self) -> None:
        self.build(limit=4, max_wait_seconds=5.0)
        self.queue.limits = {"a": 1}
        self.begin("a")
        waiting, other = self.begin("a"), self.begin("b")
        self.clock.pump([1.0] * 6)
        self.assertEqual(self.failure(waiting).kind, "key_turn_limit")
        self.assertEqual((self.begun(), other.events), ("ab", []))

    def test_it_is_a_back_end_with_turn_handles(self) -> None:
        verifyObject(IModelBackend, self.queue.backend)
        self.begin()
        self.begin()
        verifyObject(ITurnHandle, self.handle)
        self.assertEqual(self.queue.backend.models(), self.model.models())
        self.assertTrue(self.queue.backend.ready())

    def test_a_turn_that_finds_a_slot_is_the_back_ends_own(self) -> None:
        sink = self.begin()
        self.assertIs(self.model.turns[0].sink, sink)
        self.assertEqual((self.context.record.queue_seconds, self.clock.getDelayedCalls()), (0.0, []))

    def test_a_turn_waits_for_a_slot_and_is_then_the_back_ends_own(self) -> None:
        self.begin("a")
        sink = self.begin("a")
        self.clock.advance(2)
        self.assertEqual((self.begun(), sink.events), ("a", []))
        self.finish()
        self.assertEqual(self.begun(), "aa")
        self.assertIs(self.model.turns[1].sink, sink)
        self.model.finish()
        self.assertEqual(sink.events, list(text_answer()))
        self.assertEqual((self.context.record.queue_seconds, self.context.record.backend), (2.0, "codex"))
        self.assertEqual(self.outcomes("admitted"), 1)

    def test_principals_get_slots_in_turn(self) -> None:
        self.begin("a")
        for principal in "aaabab":
            self.begin(principal)
        while self.model.running:
            self.finish()
        self.assertEqual(self.begun(), "a" + "ababaa")

    def test_who_comes_while_others_wait_waits_too(self) -> None:
        self.begin("a")
        self.begin("a")
        self.model.finish()
        self.begin("b")
        self.assertEqual(self.begun(), "a")
        self.clock.advance(0)
        self.assertEqual(self.begun(), "aa")

    def test_all_slots_are_used(self) -> None:
        self.build(limit=3)
        for _ in range(9):
            self.begin("a")
        self.assertEqual(len(self.model.running), 3)
        for _ in range(2):
            self.model.finish()
        self.clock.advance(0)
        self.assertEqual(len(self.model.running), 3)

    def test_a_slot_of_a_child_that_came_up_is_used(self) -> None:
        self.begin()
        self.begin()
        self.model.limit = 20
        for _ in range(11):
            self.begin()
        self.queue.slots.capacity_changed()
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual((len(self.model.running), self.clock.getDelayedCalls()[1:]), (13, []))

    def test_a_turn_is_refused_at_its_deadline(self) -> None:
        self.begin("a")
        sink = self.begin("a")
        self.clock.advance(9.9)
        self.assertEqual(sink.events, [])
        self.clock.advance(0.1)
        failed = self.failure(sink)
        self.assertEqual((failed.kind, failed.status, failed.retry_after_seconds), ("busy", 429, 10.0))
        self.finish()
        self.assertEqual((self.begun(), self.outcomes("expired")), ("a", 1))

    def test_the_requests_own_deadline_comes_first(self) -> None:
        self.begin()
        sink = self.begin(deadline=3.0)
        self.clock.advance(3)
        self.assertEqual(self.failure(sink).kind, "too_long")

    def test_a_request_waits_so_long_in_all_queues_together(self) -> None:
        self.begin()
        sink, handle = self.begin(), self.handle
        self.clock.advance(6)
        handle.cancel()
        self.assertEqual(self.context.record.queue_seconds, 6.0)
        self.queue.backend.begin(TURN, self.context, sink)
        self.clock.advance(4)
        self.assertEqual(self.failure(sink).kind, "busy")
        self.assertRaises(FaultError, self.queue.backend.begin, TURN, self.context, sink)

    def test_a_cancelled_turn_leaves_the_queue_and_sends_nothing(self) -> None:
        self.begin()
        sink = self.begin()
        sink.cancel(self.handle)
        self.handle.cancel()
        self.clock.advance(60)
        self.assertEqual((self.begun(), sink.events, self.outcomes("cancelled")), ("a", [], 1))

    def test_commands_reach_the_turn_of_the_back_end(self) -> None:
        self.begin()
        self.begin(turn=evolve(TURN, ignored=("seed",)))
        self.assertEqual(self.handle.ignored, ("seed",))
        self.handle.pause()
        self.finish()
        turn: FakeTurn = self.model.turns[1]
        self.handle.resume()
        self.handle.cancel()
        self.assertEqual(turn.actions, ["pause", "resume", "cancel"])

    def test_too_many_entries_are_refused_with_the_time_to_return(self) -> None:
        self.build(entries=2, entries_per_key=2)
        for _ in range(3):
            self.begin()
        first = self.refused()
        for _ in range(10):
            self.clock.advance(0.5)
            self.finish()
            self.begin()
        refused = self.refused()
        self.assertEqual((refused.kind, refused.status), ("busy", 429))
        assert refused.retry_after_seconds is not None
        self.assertTrue(1.3 < refused.retry_after_seconds < 1.7, refused.retry_after_seconds)  # the third, at 2/s
        self.assertEqual(first.retry_after_seconds, 10.0, "the longest wait, as no rate is known")
        self.assertEqual(self.outcomes("refused"), 2)

    def test_a_key_with_many_entries_makes_room_for_another(self) -> None:
        self.build(entries=2, entries_per_key=2)
        self.begin("a")
        self.begin("a")
        last = self.begin("a")
        self.begin("b")
        self.assertEqual((self.failure(last).kind, self.outcomes("displaced")), ("busy", 1))

    def test_without_entries_nothing_waits(self) -> None:
        self.build(entries=0)
        self.begin()
        self.assertEqual(self.refused().kind, "busy")

    def test_an_invalid_turn_is_refused_at_once(self) -> None:
        self.begin()
        self.model.check_error = fault("unknown_model")
        self.assertEqual(self.refused().kind, "unknown_model")

    def test_a_continuation_of_a_suspended_turn_does_not_wait(self) -> None:
        self.model.suspended = {"s"}
        self.begin()
        self.begin()
        self.begin(turn=Turn(model="s", items=(RESULT,)))
        self.assertEqual([turn.turn.model for turn in self.model.turns], ["m", "s"])

    def test_results_without_a_suspended_turn_wait(self) -> None:
        self.begin()
        self.begin(turn=Turn(model="s", items=(RESULT,)))
        self.assertEqual(self.begun(), "a")

    def test_a_continuation_that_fails_after_all_waits(self) -> None:
        self.begin()
        self.model.suspended = {"s"}
        self.model.begin_errors = [fault("busy")]
        self.begin(turn=Turn(model="s", items=(RESULT,)))
        self.finish()
        self.assertEqual([turn.turn.model for turn in self.model.turns], ["m", "s"])

    def test_a_turn_without_output_needs_no_slot(self) -> None:
        self.begin()
        self.model.limit = 2
        self.queue.limits = {"a": 1}
        self.begin(turn=evolve(TURN, sampling=evolve(TURN.sampling, max_tokens=0)))
        self.assertEqual(self.begun(), "aa")

    def test_a_principal_with_too_many_turns_waits_although_there_are_slots(self) -> None:
        self.build(limit=4)
        self.queue.limits = {"a": 1}
        self.begin("a")
        self.begin("a")
        self.begin("b")
        self.clock.advance(0)
        self.assertEqual(self.begun(), "ab")
        self.begin("a")
        self.finish()
        self.assertEqual(self.begun(), "aba")

    def test_a_new_turn_is_refused_while_nothing_runs_and_waiting_ones_stay(self) -> None:
        self.begin()
        waiting = self.begin()
        self.model.is_down = True
        self.model.release(self.model.running[0])
        self.clock.advance(1)
        self.assertEqual((self.refused().kind, waiting.events), ("not_ready", []))
        self.model.is_down = False
        self.queue.slots.capacity_changed()
        self.clock.advance(0)
        self.assertEqual(self.begun(), "aa")

    def test_a_turn_that_waited_for_a_child_in_vain_is_told_so(self) -> None:
        self.begin()
        waiting = self.begin()
        self.model.is_down = True
        self.clock.advance(10)
        self.assertEqual(self.failure(waiting).kind, "not_ready")

    def test_a_refusal_of_the_back_end_after_the_wait_is_the_end_of_the_turn_alone(self) -> None:
        self.begin()
        refused, broken, fine = self.begin(), self.begin(), self.begin()
        self.model.begin_errors = [fault("circuit_open"), RuntimeError("a defect"), None]
        self.finish()
        self.flushLoggedErrors()
        self.assertEqual([self.failure(refused).kind, self.failure(broken).kind], ["circuit_open", "internal"])
        self.finish()
        self.assertEqual(fine.events, list(text_answer()))

    def test_when_the_daemon_stops_waiting_turns_are_refused(self) -> None:
        self.begin()
        waiting = self.begin()
        self.queue.backend.drain()
        self.assertEqual(self.failure(waiting).kind, "shutting_down")
        self.assertEqual(self.refused().kind, "shutting_down")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.finish()

    def test_the_length_and_the_memory_are_metrics(self) -> None:
        self.begin()
        self.begin()
        self.assertEqual(metric(self.queue.metrics, "codexd_queue_length", backend="codex"), 1)
        size = metric(self.queue.metrics, "codexd_queue_bytes", backend="codex")
        self.assertGreater(size, 100)
        self.finish()
        waits = metric(self.queue.metrics, "codexd_queue_wait_seconds_count", backend="codex")
        self.assertEqual((metric(self.queue.metrics, "codexd_queue_length", backend="codex"), waits), (0, 1))

    def test_an_empty_queue_leaves_nothing_behind(self) -> None:
        for end in ("admitted", "cancelled", "expired"):
            self.build()
            self.begin()
            self.begin()
            self.assertEqual(len(self.queue.slots._watchers), 1)
            if end == "admitted":
                self.finish()
            elif end == "cancelled":
                self.handle.cancel()
            self.clock.advance(10)
            self.assertEqual((self.outcomes(end), len(self.queue.slots._watchers)), (1, 0))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_changed_limits_apply_to_what_comes(self) -> None:
        self.begin()
        self.begin()
        self.queue.backend.apply(Queue(entries=1, max_wait_seconds=3.0))
        self.assertEqual(self.refused().kind, "busy")
        self.queue.backend.apply(Queue(max_wait_seconds=3.0))
        sink = self.begin()
        self.clock.advance(3)
        self.assertEqual(self.failure(sink).kind, "busy")

    def test_a_check_refuses_only_who_could_not_wait(self) -> None:
        self.build(entries=1, entries_per_key=1)
        self.queue.backend.check(TURN)
        self.begin("a")
        self.queue.backend.check(TURN)
        self.begin("a")
        refused = self.assertRaises(FaultError, self.queue.backend.check, evolve(TURN, principal="a")).fault
        self.assertEqual(refused.kind, "busy")
