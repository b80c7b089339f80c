"""The thread that decodes large request bodies, so that the reactor serves other clients meanwhile."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")


class RunInThread(Protocol):
    """Runs a pure function outside of the reactor; the Deferred fires in the reactor's thread."""

    def __call__(self, work: Callable[[], T]) -> "Deferred[T]":
        """Run a function. Work that is cancelled before it begins is dropped, with all that it refers to."""
        ...


def run_at_once(work: Callable[[], T]) -> "Deferred[T]":
    """Run a function in the caller's thread (RunInThread), where there is no reactor."""
    return execute(work)


class DecodeThread:
    """One thread, started for its first body: more would only compete for the interpreter, and for memory.

    Args:
        reactor: provides IReactorFromThreads.
        name: of the thread.
    """

    def __init__(self, reactor: Any, name: str = "decode") -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=1, name=name)

    def start(self) -> None:
        """Accept work."""
        self._pool.start()

    def stop(self) -> None:
        """Finish the accepted work and end the thread."""
        self._pool.stop()

    def run(self, work: Callable[[], T]) -> "Deferred[T]":
        """Run a function in the thread (RunInThread)."""
        waiting = [work]  # emptied by the thread, or by a cancellation: a body must not wait for nobody

        def run_if_wanted() -> T | None:
            try:
                wanted = waiting.pop()
            except IndexError:
                return None
            return wanted()

        result: Deferred[T] = Deferred(lambda _: waiting.clear())
        deliver = partial(self._reactor.callFromThread, _deliver, result)
        self._pool.callInThreadWithCallback(deliver, run_if_wanted)
        return result


def _deliver(result: "Deferred[Any]", succeeded: bool, value: Any) -> None:
    """Fire a Deferred with a value or a Failure, unless it was cancelled."""
    if result.called:
        return
    if succeeded:
        result.callback(value)
    else:
        result.errback(value)
