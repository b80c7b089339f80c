"""The contract of Executor, for the pool of one thread and for the fake."""

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase

from codexd.store.executor import Executor, ThreadExecutor
from codexd.store.open_database import OpenDatabase
from tests.support.inline_executor import InlineExecutor
from tests.support.real_reactor import with_reactor

ADD = "INSERT INTO conversation (owner, id, created, last_used, body) VALUES ('me', 'k', 1, 1, '')"


class ExecutorContract:
    """The tests; `make` opens the executor."""

    make: Callable[[OpenDatabase, Any], Executor]

    def run_in_reactor(self, work_on: Callable[[Executor], Any], path: str = ":memory:") -> Any:
        """Run a function on a new executor, close it and return the result."""

        def begin(reactor: Any) -> Any:
            executor = type(self).make(OpenDatabase(path), reactor)
            return work_on(executor).addBoth(lambda result: (executor.close(), result)[1])

        return with_reactor(begin)

    def test_work_is_done_in_order_on_one_connection(self) -> None:
        done: list[int] = []

        def work_on(executor: Executor) -> Any:
            def work(connection: Any, number: int) -> int:
                done.append(number)
                return connection.execute("SELECT count(*) + ? FROM response", (number,)).fetchone()[0]

            asked = [executor.run(lambda database, n=n: work(database.connection, n)) for n in range(5)]
            return gatherResults(asked)

        self.assertEqual(self.run_in_reactor(work_on), [0, 1, 2, 3, 4])
        self.assertEqual(done, [0, 1, 2, 3, 4])

    def test_after_failed_work_the_next_work_runs(self) -> None:
        def work_on(executor: Executor) -> Any:
            failing = executor.run(lambda _: 1 // 0)
            failing.addErrback(lambda failure: failure.type)
            return gatherResults([failing, executor.run(lambda _: "done")])

        self.assertEqual(self.run_in_reactor(work_on), [ZeroDivisionError, "done"])

    def test_the_connection_is_prepared(self) -> None:
        def work_on(executor: Executor) -> Any:
            return executor.run(lambda database: database.connection.execute("PRAGMA foreign_keys").fetchone())

        self.assertEqual(self.run_in_reactor(work_on), (1,))

    def test_committed_rows_survive_closing(self) -> None:
        path = self.mktemp()
        for query, found in ((ADD, []), ("SELECT owner, id FROM conversation", [("me", "k")])):
            run_in_reactor = self.run_in_reactor(
                lambda e, q=query: e.run(lambda database: database.connection.execute(q).fetchall()), path
            )
            self.assertEqual(run_in_reactor, found)


class ThreadExecutorTests(ExecutorContract, SynchronousTestCase):
    make = ThreadExecutor

    def test_work_runs_in_one_other_thread(self) -> None:
        here = threading.get_ident()
        threads = self.run_in_reactor(
            lambda executor: gatherResults([executor.run(lambda _: threading.get_ident()) for _ in range(20)])
        )
        self.assertEqual(len(set(threads)), 1)
        self.assertNotIn(here, threads)

    def test_sync_selects_full_synchronous_commits(self) -> None:
        def begin(reactor: Any) -> Any:
            executor = ThreadExecutor(OpenDatabase(":memory:", True), reactor)
            level = executor.run(lambda database: database.connection.execute("PRAGMA synchronous").fetchone())
            return level.addBoth(lambda result: (executor.close(), result)[1])

        self.assertEqual(with_reactor(begin), (2,))


class InlineExecutorTests(ExecutorContract, SynchronousTestCase):
    make = InlineExecutor
