"""Writes what finished requests have used to the ledger, in batches: no request waits for it."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from codexd.context import RequestRecord, UsageCharge
from codexd.interfaces import IUsageLedger
from codexd.neutral.fault import FaultError
from codexd.neutral.usage import DAY_SECONDS, UsageRetention, UsageRow
from codexd.observe.metrics import Metrics
from codexd.settings import Usage as UsageSettings
from codexd.usage.rows import ModelNames, build_late_row, build_rows

WRITE_SECONDS: Final = 1.0
"""The most that a crash of the daemon loses of the ledger."""

RETRY_SECONDS: Final = 10.0
"""The delay after a failure of the store, which the store logs."""

ROLL_UP_SECONDS: Final = 3600.0
"""How often old rows are rolled up; also a moment after the start."""

MAX_BATCH: Final = 1000
MAX_WAITING: Final = 20_000
"""The most rows in memory while the store does not accept them; further ones are lost, which is counted and logged."""


class UsageRecorder:
    """Writes the usage of finished requests to the ledger.

    Args:
        ledger: the open store.
        settings: how long usage is kept.
        metrics: counts rows that are lost.
        clock: for the times of writing.
        now: returns Unix time in seconds.
    """

    _log = Logger()

    def __init__(
        self,
        ledger: IUsageLedger,
        settings: UsageSettings,
        metrics: Metrics,
        clock: IReactorTime,
        now: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._now = now
        self._names = ModelNames()
        self._waiting: deque[UsageRow] = deque()
        self._last: int | None = None
        self._not_before = 0.0
        self._is_losing = False
        self._writing: Deferred[None] | None = None
        self._write_loop = LoopingCall(self._begin_to_write)
        self._roll_up_loop = LoopingCall(self._roll_up)
        self._write_loop.clock = self._roll_up_loop.clock = clock
        metrics.watch("usage_rows_waiting", lambda: len(self._waiting))

    # Records.

    def add(self, record: RequestRecord) -> None:
        """Add a finished request, or background response."""
        self._add_rows(build_rows(record, int(self._now()), self._names))

    def add_late(self, record: RequestRecord, charge: UsageCharge) -> None:
        """Add what a request has used after it was added."""
        self._add_rows((build_late_row(record, charge, int(self._now()), self._names),))

    def _add_rows(self, rows: Iterable[UsageRow]) -> None:
        for row in rows:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(row)
            else:
                self._metrics.count("usage_rows_lost")
                if not self._is_losing:
                    self._log.error(
                        "The ledger of usage loses rows: the store has not accepted any for too long",
                        event="usage_rows_lost",
                    )
                self._is_losing = True

    # The service.

    def start(self) -> None:
        """Write periodically."""
        self._write_loop.start(WRITE_SECONDS)
        self._roll_up_loop.start(ROLL_UP_SECONDS)

    def stop(self) -> "Deferred[None]":
        """Write what is left; the store must still be open."""
        return Deferred.fromCoroutine(self._stop())

    def apply(self, settings: UsageSettings) -> None:
        """Use another retention from the next time on."""
        self._settings = settings

    async def flush(self) -> None:
        """Write what was added so far, so that a query sees it; returns without it if the store fails."""
        await self._wait_for_writing()
        self._begin_to_write()
        await self._wait_for_writing()

    async def _wait_for_writing(self) -> None:
        if self._writing is not None:
            # A Deferred of the caller's own: its cancellation does not cancel the write.
            waiter: Deferred[None] = Deferred(lambda _: None)
            self._writing.addBoth(lambda _: None if waiter.called else waiter.callback(None))
            await waiter

    async def _stop(self) -> None:
        for loop in (self._write_loop, self._roll_up_loop):
            if loop.running:
                loop.stop()
        self._not_before = 0.0
        await self.flush()

    # Writing.

    def _begin_to_write(self) -> None:
        """Write what is waiting, unless that is being done."""
        if self._writing is None and self._waiting:
            self._writing = Deferred.fromCoroutine(self._write())
            self._writing.addBoth(self._end_of_writing)

    def _end_of_writing(self, result: None) -> None:
        self._writing = None
        return result

    async def _write(self) -> None:
        try:
            while self._waiting and self._clock.seconds() >= self._not_before:
                await self._write_batch()
        except FaultError:
            self._not_before = self._clock.seconds() + RETRY_SECONDS

    async def _write_batch(self) -> None:
        if self._last is None:
            self._last = await self._ledger.load_usage_position()
        # A row keeps its number until it is known to be written: a write that failed may still take effect.
        rows = tuple(evolve(row, number=self._last + 1 + i) for i, row in enumerate(islice(self._waiting, MAX_BATCH)))
        await self._ledger.append_usage(rows)
        for _ in rows:
            self._waiting.popleft()
        self._last += len(rows)
        self._is_losing = False

    # Retention.

    def _roll_up(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._roll_up_all())

    async def _roll_up_all(self) -> None:
        today = int(self._now()) // DAY_SECONDS * DAY_SECONDS
        retention = UsageRetention(
            rows_before=today - self._settings.keep_days * DAY_SECONDS,
            days_before=today - self._settings.keep_total_days * DAY_SECONDS,
            max_rows=self._settings.max_rows,
        )
        try:
            while self._roll_up_loop.running and await self._ledger.roll_up_usage(retention):
                pass
        except FaultError:
            return  # the store has logged it; the next time is in an hour
