"""A reactor of a test's own, for what cannot be had without real threads."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.selectreactor import SelectReactor
from twisted.python.failure import Failure


def run(story: Callable[[Any], "Deferred[Any]"], seconds: float = 30.0) -> Any:
    """Give a new reactor to a story, and what the story comes to.

    Raises:
        TimeoutError: when it takes too long.
    """
    reactor, results = SelectReactor(), []

    def over(result: Any) -> None:
        results.append(result)
        reactor.stop()

    def begin() -> None:
        told = maybeDeferred(story, reactor)
        told.addTimeout(seconds, reactor, lambda *_: Failure(TimeoutError("the story did not end")))
        told.addBoth(over)

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]
