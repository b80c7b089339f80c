"""The thread that decodes large request bodies, so that the reactor serves other clients meanwhile."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")


class RunInThread(Protocol):
    """Runs a pure function outside of the reactor; the Deferred fires in the reactor's thread."""

    def __call__(self, work: Callable[[], T]) -> "Deferred[T]":
        """Run a function."""
        ...


def run_at_once(work: Callable[[], T]) -> "Deferred[T]":
    """Run a function in the caller's thread (RunInThread), where there is no reactor."""
    return execute(work)


class DecodeThread:
    """One thread, started for its first body: more would only compete for the interpreter, and for memory.

    Args:
        reactor: provides IReactorFromThreads.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=1, name="decode")

    def start(self) -> None:
        """Accept work."""
        self._pool.start()

    def stop(self) -> None:
        """Finish the accepted work and end the thread."""
        self._pool.stop()

    def run(self, work: Callable[[], T]) -> "Deferred[T]":
        """Run a function in the thread (RunInThread)."""
        return deferToThreadPool(self._reactor, self._pool, work)
