"""Executor: what the pool of one thread and the fake of tests both keep."""

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase

from codexd.store.executor import Executor, PoolExecutor
from tests.support.loop import run
from tests.support.tables import InlineExecutor

ADD = "INSERT INTO conversation (owner, id, created, touched, body) VALUES ('me', 'k', 1, 1, '')"


class Contract:
    """The tests; `make` gives the executor."""

    make: Callable[[str, bool, Any], Executor]

    def told(self, story: Callable[[Executor], Any], path: str = ":memory:") -> Any:
        """Tell what an executor comes to that is closed afterwards."""

        def begin(reactor: Any) -> Any:
            executor = type(self).make(path, False, reactor)
            return story(executor).addBoth(lambda result: (executor.close(), result)[1])

        return run(begin)

    def test_work_is_done_in_order_on_one_connection(self) -> None:
        done: list[int] = []

        def story(executor: Executor) -> Any:
            def work(connection: Any, number: int) -> int:
                done.append(number)
                return connection.execute("SELECT count(*) + ? FROM response", (number,)).fetchone()[0]

            asked = [executor.run(lambda connection, n=n: work(connection, n)) for n in range(5)]
            return gatherResults(asked)

        self.assertEqual(self.told(story), [0, 1, 2, 3, 4])
        self.assertEqual(done, [0, 1, 2, 3, 4])

    def test_work_that_fails_says_so_and_the_next_is_done(self) -> None:
        def story(executor: Executor) -> Any:
            failing = executor.run(lambda connection: 1 // 0)
            failing.addErrback(lambda failure: failure.type)
            return gatherResults([failing, executor.run(lambda connection: "done")])

        self.assertEqual(self.told(story), [ZeroDivisionError, "done"])

    def test_the_connection_is_the_stores(self) -> None:
        def story(executor: Executor) -> Any:
            return executor.run(lambda connection: connection.execute("PRAGMA foreign_keys").fetchone())

        self.assertEqual(self.told(story), (1,))

    def test_what_was_committed_is_there_after_it_was_closed(self) -> None:
        path = self.mktemp()
        for query, found in ((ADD, []), ("SELECT owner, id FROM conversation", [("me", "k")])):
            told = self.told(
                lambda e, q=query: e.run(lambda connection: connection.execute(q).fetchall()), path
            )
            self.assertEqual(told, found)


class PoolExecutorTests(Contract, SynchronousTestCase):
    make = PoolExecutor

    def test_the_reactors_thread_does_not_wait(self) -> None:
        here = threading.get_ident()
        threads = self.told(
            lambda executor: gatherResults([executor.run(lambda _: threading.get_ident()) for _ in range(20)])
        )
        self.assertEqual(len(set(threads)), 1)
        self.assertNotIn(here, threads)

    def test_the_disk_is_waited_for_where_that_was_chosen(self) -> None:
        def begin(reactor: Any) -> Any:
            executor = PoolExecutor(":memory:", True, reactor)
            level = executor.run(lambda connection: connection.execute("PRAGMA synchronous").fetchone())
            return level.addBoth(lambda result: (executor.close(), result)[1])

        self.assertEqual(run(begin), (2,))


class InlineExecutorTests(Contract, SynchronousTestCase):
    make = InlineExecutor
