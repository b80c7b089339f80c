"""Runs SQL on one connection in one thread, so that the reactor never waits for the disk."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from codexd.store.open_database import OpenDatabase

T = TypeVar("T")


class Executor(Protocol):
    """Runs functions on the store's database, in the order of the calls."""

    def run(self, work: Callable[[OpenDatabase], T]) -> "Deferred[T]":
        """Run a function on the database; the Deferred fires in the reactor's thread."""
        ...

    def close(self) -> None:
        """Close the database; must not be called while work is running."""
        ...


class ThreadExecutor:
    """An Executor on a thread of its own.

    The thread does not keep the process alive: a disk that does not respond cannot hold up the daemon's end.

    Args:
        database: is used in the thread only, and closed in the reactor's.
        reactor: provides IReactorFromThreads; results arrive once it runs.
    """

    def __init__(self, database: OpenDatabase, reactor: Any) -> None:
        self._database = database
        self._reactor = reactor
        self._jobs: SimpleQueue[tuple[Callable[[OpenDatabase], Any], Deferred[Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run_jobs, name="store", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[OpenDatabase], T]) -> "Deferred[T]":
        """Run a function in the thread."""
        result: Deferred[T] = Deferred()
        self._jobs.put((work, result))
        return result

    def close(self) -> None:
        """Close the database and end the thread."""
        self._jobs.put(None)
        self._thread.join()
        self._database.close()

    def _run_jobs(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, result = job
            try:
                outcome = work(self._database)
            except BaseException:
                outcome = Failure()
            self._reactor.callFromThread(result.callback, outcome)
