"""Queues store calls while the disk is busy and runs the queued calls together (group commit).

The memory and the time of waiting calls are limited, because a disk that does not respond would otherwise fill
the memory, and hold up requests for ever.
"""

import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from traceback import format_tb
from typing import Any, Final

from attrs import define
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.neutral.fault import FaultError, fault
from codexd.store.batch import FailedCall, StoreCall, run_batch
from codexd.store.executor import Executor
from codexd.store.health import StoreHealth
from codexd.store.open_database import OpenDatabase
from codexd.store.problem import FileProblemError, classify

MAX_BATCH: Final = 256
"""The most calls in one transaction: every call of a batch waits for the commit of all."""

CALL_BYTES: Final = 1024
"""What a waiting call counts besides what it stores."""

_FAILED: Final = "store call {call} failed: {why} {frames}"
_FAILED_FOR_REQUEST: Final = "Request {id}: " + _FAILED

Count = Callable[[str], None]


@define(eq=False)
class _Entry:
    """A call that waits or runs.

    Attributes:
        call: the call.
        result: fires with its outcome, or with `store_timeout` when it takes too long.
        deadline: when it is too late, on the reactor's clock.
    """

    call: StoreCall
    result: "Deferred[Any]"
    deadline: float

    @property
    def size_bytes(self) -> int:
        """What it counts in the queue."""
        return CALL_BYTES + self.call.size_bytes


class CallQueue:
    """Runs store calls in order, one batch at a time.

    Args:
        executor: runs a batch.
        count: counts `store_writes`, `store_failures` and `store_refused` by name.
        health: is told of faults of the file.
        clock: for the time limit.
        max_bytes: the most memory of the waiting and running calls; one call is always accepted.
        seconds: the time limit of a call. One that waits is then dropped; one that runs may still take effect.
    """

    _log = Logger()

    def __init__(
        self,
        executor: Executor,
        count: Count,
        health: StoreHealth,
        clock: IReactorTime,
        max_bytes: int,
        seconds: float,
    ) -> None:
        self._executor = executor
        self._count = count
        self._health = health
        self._clock = clock
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._waiting: deque[_Entry] = deque()
        self._running: list[_Entry] = []
        self._busy_since: float | None = None
        self._check: Callable[[OpenDatabase], object] | None = None
        self._timer: IDelayedCall | None = None
        self._stalled = False
        self._closed: Deferred[None] | None = None
        self.size_bytes = 0

    def submit(self, call: StoreCall) -> "Deferred[Any]":
        """Run a call after all calls submitted before it.

        Cancelling the Deferred does not cancel the call; its result is then dropped. It fails with `store_busy`
        when too much waits or the disk does not respond, and with `store_timeout` when it takes too long.
        """
        if self._closed is not None:
            return fail(FaultError(fault("store_failed")))
        # Without a canceller Twisted drops the result that arrives after a cancellation.
        entry = _Entry(call, Deferred(), self._clock.seconds() + self._seconds)
        if self._stalled or (self.size_bytes and self.size_bytes + entry.size_bytes > self._max_bytes):
            self._count("store_refused")
            return fail(FaultError(fault("store_busy")))
        self.size_bytes += entry.size_bytes
        self._waiting.append(entry)
        self._watch()
        self._run_next()
        return entry.result

    def check(self, write: bool) -> None:
        """Check the file after the batch that runs, and report the result to the health."""
        if self._closed is None:
            self._check = partial(OpenDatabase.probe, write=write)
            self._watch()
            self._run_next()

    def close(self) -> "Deferred[None]":
        """Refuse new calls; fires when all submitted calls have run and the connection is closed.

        When a call takes too long, it fires without waiting for it.
        """
        if self._closed is None:
            self._closed = Deferred()
            self._run_next()
        return self._closed

    # Batches.

    def _run_next(self) -> None:
        if self._busy_since is not None:
            return
        if self._check is not None and self._closed is None:
            check, self._check = self._check, None
            self._busy_since = self._clock.seconds()
            self._executor.run(check).addCallbacks(self._check_passed, self._check_failed)
        elif self._waiting:
            self._busy_since = self._clock.seconds()
            self._running = self._take_batch()
            work = partial(run_batch, calls=tuple(entry.call for entry in self._running))
            self._executor.run(work).addCallbacks(self._finish, self._fail)
        elif self._closed is not None and not self._closed.called:
            self._stop_timer()
            self._executor.close()
            self._closed.callback(None)

    def _take_batch(self) -> list[_Entry]:
        """Remove the next calls from the queue: at most MAX_BATCH, and none after one that loads much."""
        batch: list[_Entry] = []
        while self._waiting and len(batch) < MAX_BATCH:
            batch.append(self._waiting.popleft())
            if batch[-1].call.loads_much:
                break
        return batch

    def _check_passed(self, _: object) -> None:
        self._health.check_passed()
        self._end_batch()

    def _check_failed(self, failure: Failure) -> None:
        problem = classify(failure.value)
        self._health.report_failure(problem or "io_error", _why(failure.value))
        self._end_batch()

    def _end_batch(self) -> None:
        self._busy_since, self._stalled = None, False
        self._run_next()

    def _fail(self, failure: Failure) -> None:
        self._finish([FailedCall(failure.value)] * len(self._running))

    def _finish(self, outcomes: list[Any]) -> None:
        # _busy_since is still set, so that the calls submitted by these callbacks form one batch.
        batch, self._running = self._running, []
        for entry, outcome in zip(batch, outcomes, strict=True):
            self.size_bytes -= entry.size_bytes
            if isinstance(outcome, FailedCall):
                self._end_call(entry, self._build_error(entry.call, outcome.error))
                continue
            if entry.call.writes:
                self._count("store_writes")
            entry.call.on_result(outcome)
            self._end_call(entry, outcome)
        self._end_batch()

    def _end_call(self, entry: _Entry, outcome: Any) -> None:
        if entry.result.called:
            return  # too late, or cancelled
        entry.result.callback(Failure(outcome) if isinstance(outcome, FaultError) else outcome)

    def _build_error(self, call: StoreCall, error: BaseException | None) -> FaultError:
        """Return the caller's exception; log and count the error here, once, without stored content."""
        if isinstance(error, FaultError):
            return error
        self._count("store_failures")
        # The health reports a fault of the file once, not for each call.
        problem = classify(error)
        if problem is None or self._health.report_failure(problem, _why(error)):
            # The traceback locates a defect of codexd; the message is left out, it may quote stored content.
            sql = isinstance(error, sqlite3.Error | FileProblemError)
            frames = () if sql else format_tb(getattr(error, "__traceback__", None))
            line = _FAILED_FOR_REQUEST if call.request_id else _FAILED
            self._log.error(
                line, event="store_call_failed", id=call.request_id, call=call.name, why=_why(error), frames=frames
            )
        return FaultError(fault("store_failed"))

    # The time limit.

    def _watch(self) -> None:
        """Start the timer unless it runs. It is not stopped when calls end, so most calls do not touch it."""
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._end_late_calls)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_late_calls(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        if self._busy_since is not None and now >= self._busy_since + self._seconds:
            self._stalled = True
            self._health.report_failure("stalled")
        late = [entry for entry in self._running if entry.deadline <= now]
        while self._waiting and self._waiting[0].deadline <= now:
            dropped = self._waiting.popleft()
            self.size_bytes -= dropped.size_bytes
            late.append(dropped)
        for entry in late:
            if not entry.result.called:
                self._count("store_failures")
                self._end_call(entry, FaultError(fault("store_timeout")))
        if self._closed is not None and self._stalled and not self._closed.called:
            # The thread does not keep the process alive.
            self._closed.callback(None)
            return
        self._watch_next(now)

    def _watch_next(self, now: float) -> None:
        """Start the timer for the call, or the batch, that is late next."""
        deadlines = [entry.deadline for entry in (*self._running, *islice(self._waiting, 1))]
        if self._busy_since is not None:
            deadlines.append(self._busy_since + self._seconds)
        later = [deadline for deadline in deadlines if deadline > now]
        if later:
            self._timer = self._clock.callLater(min(later) - now, self._end_late_calls)


def _why(error: BaseException | None) -> str:
    """Return the name of an error, and what codexd itself has added to it."""
    if isinstance(error, FileProblemError):
        return f"{error.kind} {error.why}".strip()
    return str(getattr(error, "sqlite_errorname", type(error).__name__))
