"""Queues store calls while the disk is busy and runs the queued calls together (group commit)."""

import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from traceback import format_tb
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.neutral.fault import FaultError, fault
from codexd.store.batch import FailedCall, StoreCall, run_calls
from codexd.store.executor import Executor

MAX_BATCH: Final = 256
"""The most calls in one transaction: every call of a batch waits for the commit of all."""

_FAILED: Final = "store call {call} failed: {why} {frames}"
_FAILED_FOR_REQUEST: Final = "Request {id}: " + _FAILED

Count = Callable[[str], None]
Batch = list[tuple[StoreCall, "Deferred[Any]"]]


class CallQueue:
    """Runs store calls in order, one batch at a time.

    Args:
        executor: runs a batch.
        count: counts `store_writes` and `store_failures` by name.
    """

    _log = Logger()

    def __init__(self, executor: Executor, count: Count) -> None:
        self._executor = executor
        self._count = count
        self._waiting: deque[tuple[StoreCall, Deferred[Any]]] = deque()
        self._busy = False
        self._closed: Deferred[None] | None = None

    def submit(self, call: StoreCall) -> "Deferred[Any]":
        """Run a call after all calls submitted before it.

        Cancelling the Deferred does not cancel the call; its result is then dropped.
        """
        if self._closed is not None:
            return fail(FaultError(fault("store_failed")))
        # Without a canceller Twisted drops the result that arrives after a cancellation.
        deferred: Deferred[Any] = Deferred()
        self._waiting.append((call, deferred))
        self._run_next()
        return deferred

    def close(self) -> "Deferred[None]":
        """Refuse new calls; fires when all submitted calls have run and the connection is closed."""
        if self._closed is None:
            self._closed = Deferred()
            self._run_next()
        return self._closed

    def _run_next(self) -> None:
        if self._busy:
            return
        if self._waiting:
            self._busy = True
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            work = partial(run_calls, calls=tuple(call for call, _ in batch))
            running = self._executor.run(work)
            running.addCallbacks(self._finish, self._fail, (batch,), errbackArgs=(batch,))
        elif self._closed is not None and not self._closed.called:
            self._executor.close()
            self._closed.callback(None)

    def _fail(self, failure: Failure, batch: Batch) -> None:
        self._finish([FailedCall(failure.value)] * len(batch), batch)

    def _finish(self, outcomes: list[Any], batch: Batch) -> None:
        # _busy is still set, so that the calls submitted by these callbacks form one batch.
        for (call, deferred), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, FailedCall):
                deferred.errback(self._build_error(call, outcome.error))
                continue
            if call.writes:
                self._count("store_writes")
            call.on_result(outcome)
            deferred.callback(outcome)
        self._busy = False
        self._run_next()

    def _build_error(self, call: StoreCall, error: BaseException | None) -> FaultError:
        """Return the caller's exception; log and count the error here, once, without stored content."""
        if isinstance(error, FaultError):
            return error
        self._count("store_failures")
        why = getattr(error, "sqlite_errorname", type(error).__name__)
        # The traceback locates a defect of codexd; the message is left out, it may quote stored content.
        frames = () if isinstance(error, sqlite3.Error) else format_tb(getattr(error, "__traceback__", None))
        line = _FAILED_FOR_REQUEST if call.request_id else _FAILED
        self._log.error(line, id=call.request_id, call=call.name, why=why, frames=frames)
        return FaultError(fault("store_failed"))
