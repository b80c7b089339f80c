"""The store as a Twisted service: opens the file, prunes it periodically and closes it."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from codexd.interfaces import IStore, IUsageLedger, IUsageStore
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import StoredResponse
from codexd.neutral.usage import RowPage, RowQuery, UsageQuery, UsageRetention, UsageRow, UsageSum
from codexd.observe.metrics import Metrics
from codexd.policy.key_meter import SpentTokens
from codexd.settings import Responses
from codexd.store import key_usage, pruning, responses, usage_queries, usage_rows
from codexd.store.batch import StoreCall
from codexd.store.calls import StoreCalls
from codexd.store.database_file import DatabaseLock
from codexd.store.executor import Executor, ThreadExecutor
from codexd.store.health import StoreHealth
from codexd.store.open_database import OpenDatabase
from codexd.store.problem import StoreProblem
from codexd.store.queue import CallQueue

LEASE_SECONDS: Final = 3600.0
"""The default time for which a request can still continue what is deleted meanwhile."""

ROW_BYTES: Final = 512
"""What a row of the ledger of usage counts while it waits."""

CHECK_SECONDS: Final = 5.0
"""How often the file is checked; a fault is noticed by the calls at once, and its end within two checks."""

_WRITE_CHECKS: Final = 12
"""One in this many checks writes while the store works; all do while it does not."""

ExecutorFactory = Callable[[OpenDatabase, Any], Executor]


@implementer(IStore, IUsageStore, IUsageLedger)
class Store(StoreCalls, Service):
    """Stores responses and conversations in an SQLite file (`IStore`).

    Args:
        settings: the limits of age, number and size, and whether commits wait for the disk.
        path: the file (`codexd.store.database_file.locate_database`), or `:memory:`.
        reactor: provides IReactorCore, IReactorFromThreads and IReactorTime.
        metrics: counts writes, failures and pruned responses, and reads the number of stored responses.
        now: returns Unix time in seconds.
        lease_seconds: for how long a request can still continue what is deleted meanwhile.
        connect: opens the executor that runs the SQL.
        owner_bytes: returns the most bytes that an owner may store, None for no limit, in any thread; by default
            `responses.owner_bytes` for all.
    """

    name = "store"

    def __init__(
        self,
        settings: Responses,
        path: str,
        reactor: Any,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
        lease_seconds: float = LEASE_SECONDS,
        connect: ExecutorFactory = ThreadExecutor,
        owner_bytes: pruning.ByteLimit | None = None,
    ) -> None:
        owner_bytes = owner_bytes or (lambda _: self._settings.owner_bytes)
        super().__init__(
            self._submit_call, settings, now, lease_seconds, self._change_count, owner_bytes, self._limit_owner
        )
        self._path = path
        self._byte_limit = owner_bytes
        self._limiting: set[str] = set()
        self._reactor = reactor
        self._metrics = metrics
        self._connect = connect
        self._queue: CallQueue | None = None
        self._lock: DatabaseLock | None = None
        self._stored = 0
        self._health = StoreHealth(metrics, self._recover)
        self._recovery: Callable[[], object] = lambda: None
        metrics.watch("responses_stored", lambda: self._stored)
        metrics.watch("store_queue_bytes", lambda: 0 if self._queue is None else self._queue.size_bytes)
        self._pruning = LoopingCall(self._prune_periodically)
        self._checking = LoopingCall(self._check)
        self._pruning.clock = self._checking.clock = reactor
        self._checks = 0

    # The service.

    def startService(self) -> None:
        """Open the file and start periodic pruning.

        Raises:
            ConfigurationError: when another daemon has locked the file, or the file is not a usable store.
        """
        self._lock = DatabaseLock.acquire(self._path)
        settings = self._settings
        database = OpenDatabase(
            self._path, settings.sync, settings.database_bytes, self._lock, self._health.report_restored
        )
        self._queue = CallQueue(
            self._connect(database, self._reactor),
            self._metrics.count,
            self._health,
            self._reactor,
            settings.queue_bytes,
            settings.call_seconds,
        )
        self._stored = 0
        super().startService()
        count = StoreCall(name="count_responses", work=responses.count_responses, on_result=self._add_to_count)
        self._submit(count).addErrback(_ignore_logged)
        self._pruning.start(settings.prune_interval_seconds)
        self._checking.start(CHECK_SECONDS, now=False)

    def stopService(self) -> "Deferred[None]":
        """Run the submitted calls, close the file and release its lock."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        super().stopService()
        for looping in (self._pruning, self._checking):
            if looping.running:
                looping.stop()
        if self._queue is not None:
            await self._queue.close()
        if self._lock is not None:
            self._lock.release()
        self._queue = self._lock = None

    def apply(self, settings: Responses) -> None:
        """Use other limits of age, number and size of a history from now on; the file stays the same."""
        self._settings = settings

    # IStore.

    def load_unfinished(self) -> "Deferred[tuple[StoredResponse, ...]]":
        """Load all responses that are queued or running."""
        return self._read("load_unfinished", responses.load_unfinished)

    def load_key_usage(self) -> "Deferred[tuple[SpentTokens, ...]]":
        """Load what the API keys have spent (IUsageStore)."""
        return self._read("load_key_usage", key_usage.load_key_usage)

    def save_key_usage(self, spent: tuple[SpentTokens, ...]) -> "Deferred[None]":
        """Save what API keys have spent (IUsageStore)."""
        return self._write("save_key_usage", partial(key_usage.save_key_usage, spent=spent))

    # IUsageLedger.

    def load_usage_position(self) -> "Deferred[int]":
        """Load the number of the last row (IUsageLedger)."""
        return self._read("load_usage_position", usage_rows.load_position)

    def append_usage(self, rows: tuple[UsageRow, ...]) -> "Deferred[None]":
        """Write rows (IUsageLedger)."""
        return self._write("append_usage", partial(usage_rows.append, rows=rows), size_bytes=ROW_BYTES * len(rows))

    def sum_usage(self, query: UsageQuery) -> "Deferred[tuple[UsageSum, ...]]":
        """Return sums by bucket (IUsageLedger)."""
        return self._read("sum_usage", partial(usage_queries.sum_usage, query=query), loads_much=True)

    def list_usage(self, query: RowQuery) -> "Deferred[RowPage]":
        """Return a page of rows (IUsageLedger)."""
        return self._read("list_usage", partial(usage_queries.list_rows, query=query), loads_much=True)

    def roll_up_usage(self, retention: UsageRetention) -> "Deferred[bool]":
        """Roll up and delete one batch of what is old (IUsageLedger)."""
        return self._write("roll_up_usage", partial(usage_rows.roll_up, retention=retention))

    # Pruning.

    def prune(self, before: float, most: int) -> "Deferred[int]":
        """Delete old and excess responses and conversations in batches; other calls run in between."""
        return Deferred.fromCoroutine(self._prune(before, most))

    async def _prune(self, before: float, most: int) -> int:
        deleted, more = 0, True
        while more and self.running:
            work = partial(pruning.prune, before=before, most=most, now=self._now())
            result: pruning.PruneResult = await self._write("prune", work, self._count_pruned)
            deleted, more = deleted + result.responses, result.more
        return deleted

    def _prune_periodically(self) -> "Deferred[object]":
        return Deferred.fromCoroutine(self._prune_by_settings()).addErrback(_ignore_logged)

    async def _prune_by_settings(self) -> None:
        before = self._now() - self._settings.retention_seconds
        await self._prune(before, self._settings.retention_limit)
        await self._prune_bytes(await self._read("allowed_bytes", pruning.allowed_bytes))

    async def _prune_bytes(self, most: int | None, owner: str | None = None) -> None:
        more = True
        while more and self.running:
            work = partial(pruning.prune_bytes, most=most, limit=self._byte_limit, owner=owner)
            result: pruning.PruneResult = await self._write("prune_bytes", work, self._count_pruned)
            more = result.more

    def _limit_owner(self, owner: str) -> None:
        """Delete what an owner who has stored something stores beyond the limit."""
        if self._byte_limit(owner) is not None and owner not in self._limiting:
            self._limiting.add(owner)
            pruned = Deferred.fromCoroutine(self._prune_bytes(None, owner)).addErrback(_ignore_logged)
            pruned.addBoth(lambda _: self._limiting.discard(owner))

    # The state of the file.

    def problem(self) -> StoreProblem | None:
        """Return what is wrong with the file (IStore)."""
        return self._health.problem

    def on_recovered(self, recovery: Callable[[], object]) -> None:
        """Set the function to call when the store works again after a fault (IStore)."""
        self._recovery = recovery

    def _recover(self) -> None:
        self._recovery()

    def _check(self) -> None:
        self._checks += 1
        if self._queue is not None:
            self._queue.check(write=self._health.problem is not None or self._checks % _WRITE_CHECKS == 0)

    # Calls and counts.

    def _submit_call(self, call: StoreCall) -> "Deferred[Any]":
        if self._queue is None:
            return fail(FaultError(fault("store_failed")))
        return self._queue.submit(call)

    def _change_count(self, responses: int) -> None:
        self._stored += responses

    def _count_pruned(self, result: pruning.PruneResult) -> None:
        self._stored -= result.responses
        self._metrics.count("responses_pruned", result.responses)


def _ignore_logged(failure: Any) -> None:
    """Ignore a store failure, which the queue has logged already."""
    failure.trap(FaultError)
