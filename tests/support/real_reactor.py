"""Runs a coroutine or Deferred on a new real reactor, for tests that need real threads."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.selectreactor import SelectReactor
from twisted.python.failure import Failure


def with_reactor(main: Callable[[Any], "Deferred[Any]"], seconds: float = 30.0) -> Any:
    """Call `main` with a new reactor, run the reactor until the result is there, and return the result.

    Raises:
        TimeoutError: after this many seconds.
    """
    reactor, results = SelectReactor(), []

    def over(result: Any) -> None:
        results.append(result)
        reactor.stop()

    def begin() -> None:
        outcome = maybeDeferred(main, reactor)
        outcome.addTimeout(seconds, reactor, lambda *_: Failure(TimeoutError("the test did not finish")))
        outcome.addBoth(over)

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]
