import sqlite3

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from codexd.store.batch import StoreCall
from codexd.store.health import StoreHealth
from codexd.store.queue import CALL_BYTES, MAX_BATCH, CallQueue
from tests.support.inline_executor import InlineExecutor


class QueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.executor = InlineExecutor()
        self.counted: list[str] = []
        self.done: list[object] = []
        self.clock = Clock()
        self.health = StoreHealth(Metrics(), lambda: None)
        self.queue = CallQueue(self.executor, self.counted.append, self.health, self.clock, 10 * 2**20, 30.0)

    def submit(self, name: object, writes: bool = False, loads_much: bool = False) -> "Deferred[object]":
        def work(connection: sqlite3.Connection) -> object:
            self.done.append(name)
            if isinstance(name, Exception):
                raise name
            return name

        return self.queue.submit(StoreCall(name="call", work=work, writes=writes, loads_much=loads_much))

    def test_a_single_call_runs_at_once(self) -> None:
        self.assertEqual(self.successResultOf(self.submit("a")), "a")

    def test_calls_submitted_while_busy_run_as_one_batch_in_order(self) -> None:
        self.executor.delay_calls()
        asked = [self.submit(number) for number in range(5)]
        self.assertEqual(self.executor.runs, 1)
        self.executor.run_delayed_calls()
        self.assertEqual([self.successResultOf(d) for d in asked], list(range(5)))
        self.assertEqual(self.done, list(range(5)))
        self.assertEqual(self.executor.runs, 2)

    def test_calls_submitted_by_callbacks_form_one_batch(self) -> None:
        self.executor.delay_calls()
        for number in range(3):
            self.submit(number).addCallback(lambda found: self.submit(found + 10))
        self.executor.run_delayed_calls()
        self.assertEqual(self.done, [0, 1, 2, 10, 11, 12])
        self.assertEqual(self.executor.runs, 3)

    def test_a_batch_is_limited(self) -> None:
        self.executor.delay_calls()
        asked = [self.submit(number) for number in range(2 * MAX_BATCH)]
        self.executor.run_delayed_calls()
        self.assertEqual([self.successResultOf(d) for d in asked], list(range(2 * MAX_BATCH)))
        self.assertEqual(self.executor.runs, 3)

    def test_a_batch_ends_with_a_call_that_loads_much(self) -> None:
        self.executor.delay_calls()
        asked = [self.submit(number, loads_much=number in (2, 3)) for number in range(6)]
        self.executor.run_delayed_calls()
        self.assertEqual([self.successResultOf(d) for d in asked], list(range(6)))
        # The first alone, as the thread was free; then 1 and 2, 3, and 4 and 5.
        self.assertEqual(self.executor.runs, 4)

    def test_only_writes_are_counted(self) -> None:
        self.submit("a", writes=True)
        self.submit("b")
        self.assertEqual(self.counted, ["store_writes"])

    # Failing

    def failed(self, *asked: "Deferred[object]") -> list[str]:
        """Return the fault kinds with which all failed."""
        return [self.failureResultOf(deferred, FaultError).value.fault.kind for deferred in asked]

    def test_a_failure_is_counted_and_logged_once_without_its_message(self) -> None:
        with capturedLogs() as logged:
            asked = self.submit(ValueError("what somebody said"), writes=True)
        self.assertEqual(self.failed(asked), ["store_failed"])
        self.assertEqual(self.counted, ["store_failures"])
        (message,) = map(formatEvent, logged)
        self.assertIn("store call call failed: ValueError", message)
        self.assertIn("in work", message)
        self.assertNotIn("somebody said", message)

    def test_a_database_error_is_logged_by_name(self) -> None:
        with capturedLogs() as logged:
            asked = self.queue.submit(
                StoreCall(name="look", work=lambda connection: connection.execute("SELECT secret"))
            )
        self.assertEqual(self.failed(asked), ["store_failed"])
        (message,) = map(formatEvent, logged)
        self.assertIn("store call look failed: SQLITE_ERROR", message)
        self.assertNotIn("secret", message)

    def test_when_connecting_fails_all_calls_fail(self) -> None:
        self.executor.run = lambda work: fail(OSError("no such disk"))
        with capturedLogs() as logged:
            asked = [self.submit("a"), self.submit("b")]
        self.assertEqual(self.failed(*asked), ["store_failed"] * 2)
        self.assertEqual(len(logged), 2)

    def test_a_failure_is_logged_with_the_id_of_its_request(self) -> None:
        for id, text in (("req_1", "Request req_1: store call look failed"), ("", "store call look failed")):
            with capturedLogs() as logged:
                call = StoreCall(
                    name="look", work=lambda connection: connection.execute("SELECT secret"), request_id=id
                )
                self.failed(self.queue.submit(call))
            self.assertEqual(logged[0]["id"], id)
            self.assertTrue(formatEvent(logged[0]).startswith(text), formatEvent(logged[0]))

    # Cancellation

    def test_a_cancelled_call_still_runs(self) -> None:
        self.executor.delay_calls()
        first, second, third = (self.submit(name) for name in "abc")
        first.cancel()
        second.cancel()
        self.executor.run_delayed_calls()
        for left in (first, second):
            self.failureResultOf(left, CancelledError)
        self.assertEqual(self.successResultOf(third), "c")
        self.assertEqual(self.done, ["a", "b", "c"])

    # Limits

    def test_waiting_calls_are_limited_by_what_they_store(self) -> None:
        self.executor.delay_calls()

        def save() -> "Deferred[object]":
            return self.queue.submit(StoreCall(name="call", work=lambda _: 1, writes=True, size_bytes=4 * 2**20))

        asked = [save() for _ in range(4)]
        self.assertEqual(self.failed(*asked[2:]), ["store_busy"] * 2)
        self.assertEqual(self.counted, ["store_refused"] * 2)
        self.executor.run_delayed_calls()
        self.assertEqual([self.successResultOf(d) for d in asked[:2]], [1, 1])
        self.assertEqual(self.queue.size_bytes, 0)
        self.assertEqual(self.successResultOf(save()), 1)

    def test_a_single_call_may_exceed_the_limit(self) -> None:
        call = StoreCall(name="call", work=lambda _: 1, size_bytes=100 * 2**20)
        self.assertEqual(self.successResultOf(self.queue.submit(call)), 1)

    def test_waiting_calls_are_limited_by_number(self) -> None:
        self.executor.delay_calls()
        asked = [self.submit(number) for number in range(20_000)]
        self.assertEqual(sum(1 for one in asked if one.called), 20_000 - 10 * 2**20 // CALL_BYTES)
        self.failed(*asked[10 * 2**20 // CALL_BYTES :])

    # A disk that does not respond

    def test_calls_fail_in_time_and_waiting_ones_never_run(self) -> None:
        self.executor.delay_calls()
        first, second = self.submit("a", writes=True), self.submit("b", writes=True)
        self.clock.advance(20)
        third = self.submit("c", writes=True)
        self.clock.advance(9)
        self.assertNoResult(first)
        with capturedLogs() as logged:
            self.clock.advance(1)
        self.assertEqual(self.failed(first, second), ["store_timeout"] * 2)
        self.assertNoResult(third)
        self.assertEqual(self.health.problem, "stalled")
        self.assertEqual(len(logged), 1)
        self.clock.advance(20)
        self.assertEqual(self.failed(third), ["store_timeout"])
        self.executor.run_delayed_calls()
        self.assertEqual(self.done, ["a"])

    def test_while_it_does_not_respond_calls_are_refused_at_once(self) -> None:
        self.executor.delay_calls()
        self.failed_late(self.submit("a"))
        self.assertEqual(self.failed(self.submit("b")), ["store_busy"])
        self.executor.run_delayed_calls()
        self.assertEqual(self.successResultOf(self.submit("c")), "c")
        for _ in range(2):
            self.queue.check(write=True)
        self.assertIsNone(self.health.problem)

    def test_a_check_that_takes_too_long_is_reported(self) -> None:
        self.executor.delay_calls()
        self.queue.check(write=True)
        self.clock.advance(31)
        self.assertEqual(self.health.problem, "stalled")

    def test_it_closes_without_the_disk(self) -> None:
        self.executor.delay_calls()
        asked = self.submit("a")
        closed = self.queue.close()
        self.clock.advance(29)
        self.assertNoResult(closed)
        self.clock.advance(1)
        self.successResultOf(closed)
        self.assertEqual(self.failed(asked), ["store_timeout"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_idle_queue_has_no_timer(self) -> None:
        for name in "abc":
            self.submit(name)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(30)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNone(self.health.problem)

    def failed_late(self, asked: "Deferred[object]") -> None:
        self.clock.advance(30)
        self.assertEqual(self.failed(asked), ["store_timeout"])

    # Closing

    def test_it_closes_after_the_submitted_calls(self) -> None:
        self.executor.delay_calls()
        asked = [self.submit("a"), self.submit("b")]
        closed = self.queue.close()
        self.assertNoResult(closed)
        self.assertFalse(self.executor.closed)
        self.executor.run_delayed_calls()
        self.assertEqual([self.successResultOf(d) for d in asked], ["a", "b"])
        self.successResultOf(closed)
        self.assertTrue(self.executor.closed)

    def test_a_closed_queue_refuses_calls(self) -> None:
        for closed in (self.queue.close(), self.queue.close()):
            self.successResultOf(closed)
        self.failureResultOf(self.submit("a"), FaultError)
        self.assertEqual(self.done, [])
