import sqlite3

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.store.batch import StoreCall
from codexd.store.queue import MAX_BATCH, CallQueue
from tests.support.inline_executor import InlineExecutor


class QueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.executor = InlineExecutor()
        self.counted: list[str] = []
        self.done: list[object] = []
        self.queue = CallQueue(self.executor, self.counted.append)

    def submit(self, name: object, writes: bool = False) -> "Deferred[object]":
        def work(connection: sqlite3.Connection) -> object:
            self.done.append(name)
            if isinstance(name, Exception):
                raise name
            return name

        return self.queue.submit(StoreCall(name="call", work=work, writes=writes))

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
