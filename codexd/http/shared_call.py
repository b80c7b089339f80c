"""One running call for everybody who asks for its result while it runs."""

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from attrs import Factory, define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_T = TypeVar("_T")


@define(eq=False)
class SharedCall(Generic[_T]):
    """A call that never runs more than once at a time.

    Attributes:
        call: what is called.
    """

    call: Callable[[], Coroutine[Deferred[Any], Any, _T]]
    _waiting: list[Deferred[_T]] = Factory(list)

    def wait(self) -> "Deferred[_T]":
        """Return the result of the running call, which is begun if none runs. Who stops waiting does not end it."""
        waiting: Deferred[_T] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            Deferred.fromCoroutine(self.call()).addBoth(self._ended)
        return waiting

    def _ended(self, result: _T | Failure) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(result)  # a failure is a result, too
