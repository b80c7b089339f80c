"""What is asked of the store waits here while the disk is busy, and then goes to it together."""

import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from traceback import format_tb
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.neutral.fault import Refused, fault
from codexd.store.batch import Call, Failed, outcomes
from codexd.store.executor import Executor

LIMIT: Final = 256
"""How many calls go together at most: what is read by one waits for the others' commit."""

Count = Callable[[str], None]
Group = list[tuple[Call, "Deferred[Any]"]]


class Queue:
    """Calls, in order, one group of them at a time; this is what makes group commit.

    Args:
        executor: does them.
        count: counts `store_writes` and `store_failures` by name.
    """

    _log = Logger()

    def __init__(self, executor: Executor, count: Count) -> None:
        self._executor = executor
        self._count = count
        self._waiting: deque[tuple[Call, Deferred[Any]]] = deque()
        self._busy = False
        self._closed: Deferred[None] | None = None

    def ask(self, call: Call) -> "Deferred[Any]":
        """Have something done after all that was asked before it.

        Cancelling the Deferred only forgets it: what was asked for is done.
        """
        if self._closed is not None:
            return fail(Refused(fault("store_failed")))
        # No canceller: Twisted then drops the result that still comes.
        deferred: Deferred[Any] = Deferred()
        self._waiting.append((call, deferred))
        self._next()
        return deferred

    def close(self) -> "Deferred[None]":
        """Take no more; fires when all that was asked for is done and the connection is closed."""
        if self._closed is None:
            self._closed = Deferred()
            self._next()
        return self._closed

    def _next(self) -> None:
        if self._busy:
            return
        if self._waiting:
            self._busy = True
            group = [self._waiting.popleft() for _ in range(min(LIMIT, len(self._waiting)))]
            work = partial(outcomes, calls=tuple(call for call, _ in group))
            running = self._executor.run(work)
            running.addCallbacks(self._done, self._undone, (group,), errbackArgs=(group,))
        elif self._closed is not None and not self._closed.called:
            self._executor.close()
            self._closed.callback(None)

    def _undone(self, failure: Failure, group: Group) -> None:
        self._done([Failed(failure.value)] * len(group), group)

    def _done(self, results: list[Any], group: Group) -> None:
        # Still busy: what is asked for by those who are answered now goes together, too.
        for (call, deferred), result in zip(group, results, strict=True):
            if isinstance(result, Failed):
                deferred.errback(self._refused(call, result.error))
                continue
            if call.writes:
                self._count("store_writes")
            call.told(result)
            deferred.callback(result)
        self._busy = False
        self._next()

    def _refused(self, call: Call, error: BaseException | None) -> Refused:
        """Make what a caller is told of an error, which is logged here and nowhere else, without contents."""
        if isinstance(error, Refused):
            return error
        self._count("store_failures")
        why = getattr(error, "sqlite_errorname", type(error).__name__)
        # Where a defect of ours is; its message might quote what was to be kept.
        frames = () if isinstance(error, sqlite3.Error) else format_tb(getattr(error, "__traceback__", None))
        self._log.error("The store failed: {call}: {why} {frames}", call=call.name, why=why, frames=frames)
        return Refused(fault("store_failed"))
