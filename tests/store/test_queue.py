import sqlite3

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import Refused
from codexd.store.batch import Call
from codexd.store.queue import LIMIT, Queue
from tests.support.tables import InlineExecutor


class QueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.executor = InlineExecutor()
        self.counted: list[str] = []
        self.done: list[object] = []
        self.queue = Queue(self.executor, self.counted.append)

    def ask(self, name: object, writes: bool = False) -> "Deferred[object]":
        def work(connection: sqlite3.Connection) -> object:
            self.done.append(name)
            if isinstance(name, Exception):
                raise name
            return name

        return self.queue.ask(Call("call", work, writes))

    def test_what_is_asked_alone_is_done_at_once(self) -> None:
        self.assertEqual(self.successResultOf(self.ask("a")), "a")

    def test_what_is_asked_while_the_disk_is_busy_is_done_together_in_order(self) -> None:
        self.executor.hold()
        asked = [self.ask(number) for number in range(5)]
        self.assertEqual(self.executor.runs, 1)
        self.executor.release()
        self.assertEqual([self.successResultOf(d) for d in asked], list(range(5)))
        self.assertEqual(self.done, list(range(5)))
        self.assertEqual(self.executor.runs, 2)

    def test_what_is_asked_by_those_who_are_answered_is_done_together_too(self) -> None:
        self.executor.hold()
        for number in range(3):
            self.ask(number).addCallback(lambda found: self.ask(found + 10))
        self.executor.release()
        self.assertEqual(self.done, [0, 1, 2, 10, 11, 12])
        self.assertEqual(self.executor.runs, 3)

    def test_nobody_waits_for_too_many_others(self) -> None:
        self.executor.hold()
        asked = [self.ask(number) for number in range(2 * LIMIT)]
        self.executor.release()
        self.assertEqual([self.successResultOf(d) for d in asked], list(range(2 * LIMIT)))
        self.assertEqual(self.executor.runs, 3)

    def test_only_what_was_changed_is_counted(self) -> None:
        self.ask("a", writes=True)
        self.ask("b")
        self.assertEqual(self.counted, ["store_writes"])

    # Failing

    def failed(self, *asked: "Deferred[object]") -> list[str]:
        """See that all were refused."""
        return [self.failureResultOf(deferred, Refused).value.fault.kind for deferred in asked]

    def test_a_failure_is_told_counted_and_logged_once_without_what_it_says(self) -> None:
        with capturedLogs() as logged:
            asked = self.ask(ValueError("what somebody said"), writes=True)
        self.assertEqual(self.failed(asked), ["store_failed"])
        self.assertEqual(self.counted, ["store_failures"])
        (told,) = map(formatEvent, logged)
        self.assertIn("call: ValueError", told)
        self.assertIn("in work", told)
        self.assertNotIn("somebody said", told)

    def test_an_error_of_the_database_is_logged_by_its_name(self) -> None:
        with capturedLogs() as logged:
            asked = self.queue.ask(Call("look", lambda connection: connection.execute("SELECT secret")))
        self.assertEqual(self.failed(asked), ["store_failed"])
        (told,) = map(formatEvent, logged)
        self.assertIn("look: SQLITE_ERROR", told)
        self.assertNotIn("secret", told)

    def test_a_connection_that_cannot_be_had_fails_everybody(self) -> None:
        self.executor.run = lambda work: fail(OSError("no such disk"))
        with capturedLogs() as logged:
            asked = [self.ask("a"), self.ask("b")]
        self.assertEqual(self.failed(*asked), ["store_failed"] * 2)
        self.assertEqual(len(logged), 2)

    # Leaving

    def test_who_stops_waiting_harms_nobody_and_what_they_asked_is_done(self) -> None:
        self.executor.hold()
        first, second, third = (self.ask(name) for name in "abc")
        first.cancel()
        second.cancel()
        self.executor.release()
        for left in (first, second):
            self.failureResultOf(left, CancelledError)
        self.assertEqual(self.successResultOf(third), "c")
        self.assertEqual(self.done, ["a", "b", "c"])

    # Closing

    def test_it_closes_when_all_that_was_asked_is_done(self) -> None:
        self.executor.hold()
        asked = [self.ask("a"), self.ask("b")]
        closed = self.queue.close()
        self.assertNoResult(closed)
        self.assertFalse(self.executor.closed)
        self.executor.release()
        self.assertEqual([self.successResultOf(d) for d in asked], ["a", "b"])
        self.successResultOf(closed)
        self.assertTrue(self.executor.closed)

    def test_a_closed_queue_takes_no_more(self) -> None:
        for closed in (self.queue.close(), self.queue.close()):
            self.successResultOf(closed)
        self.failureResultOf(self.ask("a"), Refused)
        self.assertEqual(self.done, [])
