"""Service that runs the app-server children, their back end and its periodic tasks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from codexd.backs.codex_catalog import read_context_windows, read_descriptions, read_template
from codexd.child.app_server import AppServerProtocol
from codexd.child.backend import ChildBackend
from codexd.child.launch import LaunchConfig, prepare_catalog
from codexd.child.memory import resident_bytes
from codexd.child.pool import Pool
from codexd.child.process import ChildProcess, launch
from codexd.child.protocol import ChildProtocol
from codexd.child.provider_catalog import RETRY_SECONDS, ProviderCatalog
from codexd.child.recycling import Recycler
from codexd.child.worker import Worker
from codexd.neutral.fault import Fault, FaultError
from codexd.observe.metrics import Metrics
from codexd.policy.account_limits import AccountState
from codexd.policy.fallback import CODEX
from codexd.policy.recycling import RecycleLimits
from codexd.policy.restart import RestartPolicy, Supervision
from codexd.policy.slot_ledger import SlotLedger
from codexd.policy.status import WorkerStatus
from codexd.settings import Codex, Settings

PROBE_SECONDS = 2.0
"""Interval of the requests for the configured provider's list while Codex cannot connect to it."""

ACCOUNT_SECONDS = 60.0
"""Interval of reading the limits of the account, which the child also reports after each response."""

SWEEP_SECONDS = 1.0
"""Interval of the periodic check of all deadlines."""


class Children(Service):
    """Supervised children behind one back end.

    Args:
        settings: the whole settings tree.
        launch_config: how a child is started.
        reactor: provides IReactorTime and IReactorProcess.
        random: returns a number from 0 to 1.
        metrics: counters and gauges.
        measure_memory: returns a process's resident memory in bytes.
        protocol: the protocol that the children speak.
        provider: the models of the provider that Codex's configuration selects, if it is not OpenAI.
        slots: records which turns run.
        account: is told what the children report of their account; None if they have none.
        turn_failed: called with the kind of each failure of a provider.
        redact: returns a fault without the key of the provider.

    Attributes:
        backend: answers turns.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        launch_config: LaunchConfig,
        reactor: Any,
        random: Callable[[], float],
        metrics: Metrics,
        measure_memory: Callable[[int], int] = resident_bytes,
        protocol: ChildProtocol | None = None,
        provider: ProviderCatalog | None = None,
        slots: SlotLedger | None = None,
        account: AccountState | None = None,
        turn_failed: Callable[[str], object] = lambda _: None,
        redact: Callable[[Fault], Fault] = lambda failed: failed,
    ) -> None:
        self._settings = settings
        self._launch_config = launch_config
        self._reactor = reactor
        self._random = random
        self._metrics = metrics
        self._measure_memory = measure_memory
        self._protocol: ChildProtocol = protocol or AppServerProtocol()
        self._provider = provider
        self._account = account
        self._catalog: Path | None = None
        self._agent_catalog: Path | None = None
        self._preparing: Deferred[None] | None = None
        self._listing: Deferred[bool] | None = None
        self._sizes: dict[Worker, int] = {}
        self._numbers = dict.fromkeys(_profiles(settings), settings.codex.workers)
        self._pools = self._make_pools()
        self.backend = ChildBackend(
            settings=settings,
            pools=self._pools,
            workspace=str(launch_config.workspace),
            clock=reactor,
            metrics=metrics,
            provider=provider,
            random=random,
            slots=slots,
            account=self._account,
            turn_failed=turn_failed,
            redact=redact,
        )
        self._recycler = Recycler(
            self._pools,
            self._make_next_worker,
            self.backend.hand_over,
            reactor,
            metrics,
            2 * settings.codex.handshake_seconds,
        )
        self._loops = (
            (self._sweep, SWEEP_SECONDS),
            (self._refresh, settings.models.refresh_seconds),
            (self._refresh_provider, min(settings.models.refresh_seconds, RETRY_SECONDS)),
            (self._probe_provider, PROBE_SECONDS),
            (self._read_account, ACCOUNT_SECONDS),
        )
        self._looping: list[LoopingCall] = []

    def startService(self) -> None:
        """Start the children once their model catalog is written."""
        super().startService()
        self.backend.draining = False
        self._launch_config.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._preparing = Deferred.fromCoroutine(self._start())
        self._preparing.addErrback(self._log_failure)
        for work, seconds in self._loops:
            loop = LoopingCall(self._guard, work)
            loop.clock = self._reactor
            loop.start(seconds, now=False)
            self._looping.append(loop)

    @property
    def workers(self) -> tuple[WorkerStatus, ...]:
        """The state of all workers."""
        return tuple(worker.status(self._sizes.get(worker, 0)) for worker in self._all_workers)

    @property
    def _all_workers(self) -> list[Worker]:
        return [worker for pool in self._pools.values() for worker in pool.all_workers]

    def hurry(self) -> None:
        """Shorten the grace period of the children."""
        for worker in self._all_workers:
            worker.supervisor.hurry()

    def recycle(self) -> tuple[str, ...]:
        """Replace every process that is up by a new one, one after the other; return the workers' names."""
        return self._recycler.request_all() if self.running else ()

    def stopService(self) -> "Deferred[Any]":
        """Stop the children; the Deferred fires when the last has exited."""
        super().stopService()
        self.drain()
        if self._preparing is not None:
            self._preparing.cancel()
        for loop in self._looping:
            loop.stop()
        self._looping.clear()
        if self._listing is not None:
            self._listing.cancel()
        return gatherResults([pool.stopService() for pool in self._pools.values() if pool.running])

    def apply(self, settings: Settings) -> None:
        """Use other settings; those of the processes themselves need a restart (codexd.configuration.reload)."""
        self._settings = settings
        for worker in self._all_workers:
            worker.apply(settings.codex)
        self.backend.apply(settings)

    def drain(self) -> None:
        """Start no turn again: the daemon stops."""
        self.backend.drain()

    async def _start(self) -> None:
        try:
            if self._provider is not None:
                await self._provider.refresh()
                if not self.running:
                    return
            models = None if self._provider is None else self._provider.models
            prepared = await prepare_catalog(self._launch_config, self._reactor, models)
        except CancelledError:
            return
        if prepared is not None:
            self._catalog, self._agent_catalog = prepared.path, prepared.agent_path
            self.backend.add_windows(read_context_windows(prepared.path.read_bytes()))
            self.backend.add_descriptions(read_descriptions(prepared.original), read_template(prepared.original))
        self._pools["plain"].startService()

    def _worker_changed(self, worker: Worker) -> None:
        """Start the other pools once a child has initialized the home (see Pool), and tell the back end."""
        if worker.ready:
            if self._account is not None and self._account.kind is None:
                self._guard(self._read_account)
            for pool in self._pools.values():
                if not pool.running:
                    pool.startService()
            self._recycler.advance()  # it may be a successor, which then is one of the workers
        self.backend.worker_changed(worker)

    def _make_pools(self) -> dict[str, Pool]:
        return {profile: self._make_pool(profile) for profile in sorted(_profiles(self._settings), reverse=True)}

    def _make_pool(self, profile: str) -> Pool:
        return Pool(tuple(self._make_worker(profile, number) for number in range(self._settings.codex.workers)))

    def _make_next_worker(self, profile: str) -> Worker:
        """Make a worker that replaces another one, under a new number."""
        number = self._numbers[profile]
        self._numbers[profile] += 1
        return self._make_worker(profile, number)

    def _make_worker(self, profile: str, number: int) -> Worker:
        def spawn(child: ChildProcess) -> None:
            # The catalog of agents gives them Codex's tools.
            agent = profile == "agent"
            catalog = self._agent_catalog if agent else self._catalog
            launch(self._reactor, self._launch_config.command(catalog, agent), child)

        return Worker(
            name=f"{_worker_prefix(self._settings.codex)}{profile}-{number}",
            spawn=spawn,
            protocol=self._protocol,
            clock=self._reactor,
            supervision=_supervision(self._settings.codex),
            random=self._random,
            codex=self._settings.codex,
            metrics=self._metrics,
            on_change=self._worker_changed,
            on_limits=_ignore if self._account is None else self._account.update,
        )

    def _sweep(self) -> None:
        self.backend.sweep()
        pids = [(worker, worker.supervisor.pid) for worker in self._all_workers]
        self._sizes = sizes = {worker: self._measure_memory(pid) for worker, pid in pids if pid is not None}
        self._metrics.set_child_sizes({worker.name: size for worker, size in sizes.items()}, self._settings.codex.name)
        if max(sizes.values(), default=0) > self._settings.turns.affinity_memory_bytes:
            self.backend.free_memory()
        self._recycler.check(_recycle_limits(self._settings.codex), lambda worker: sizes.get(worker, 0))

    async def _refresh_models(self) -> None:
        try:
            await self.backend.refresh_models()
        except (FaultError, ValueError) as error:
            self._log.warn(
                "The model list could not be refreshed ({error}); the previous list is used",
                event="model_list_failed",
                error=type(error).__name__,
            )

    def _refresh_provider(self) -> "Deferred[None] | None":
        if self._provider is None or not self._provider.due or not self.backend.ready():
            return None
        return self._list_models(self._provider)

    def _probe_provider(self) -> "Deferred[None] | None":
        """Find out whether the configured provider is back, which costs nothing, while no request may."""
        is_listing = self._listing is not None and not self._listing.called
        if self._provider is None or is_listing or not self.backend.has_outage:
            return None
        return self._list_models(self._provider)

    def _list_models(self, provider: ProviderCatalog) -> "Deferred[None]":
        self._listing = Deferred.fromCoroutine(provider.refresh())
        return self._listing.addCallbacks(self._provider_listed, lambda failure: failure.trap(CancelledError) and None)

    def _provider_listed(self, changed: bool) -> None:
        if self._provider is not None and self._provider.reachable:
            self.backend.provider_reached()
        if changed:
            self.backend.provider_changed()

    def _read_account(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._read_account_of_child())

    async def _read_account_of_child(self) -> None:
        worker = next((worker for worker in self._pools["plain"].workers if worker.ready), None)
        if worker is None or self._account is None:
            return
        try:
            await worker.read_account(self._account)
        except (FaultError, ValueError) as error:
            self._log.debug(
                "The limits of the account could not be read ({error})",
                event="account_limits_failed",
                error=type(error).__name__,
            )

    def _refresh(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._refresh_models())

    def _guard(self, work: Callable[[], Any]) -> "Deferred[Any]":
        """Run a task once and log its errors: an error that reached a LoopingCall would stop it."""
        return maybeDeferred(work).addErrback(self._log_failure)

    def _log_failure(self, failure: Any) -> None:
        self._log.failure("Internal error in the service of the Codex processes", failure, event="internal_error")


def _ignore(_: object) -> None:
    """Ignore what a child reports."""


def _worker_prefix(codex: Codex) -> str:
    """Return what distinguishes the workers of homes; nothing for the home of the default name."""
    return "" if codex.name == CODEX else f"{codex.name}/"


def _profiles(settings: Settings) -> set[str]:
    return {"plain"} | {alias.profile for alias in settings.models.alias}


def _recycle_limits(codex: Codex) -> RecycleLimits:
    return RecycleLimits(codex.recycle_after_seconds, codex.recycle_after_turns, codex.recycle_above_bytes)


def _supervision(codex: Codex) -> Supervision:
    return Supervision(
        handshake_seconds=codex.handshake_seconds,
        grace_seconds=codex.grace_seconds,
        restart=RestartPolicy(
            initial_seconds=codex.backoff_initial_seconds,
            max_seconds=codex.backoff_max_seconds,
            backoff_reset_seconds=codex.backoff_reset_seconds,
            limit=codex.restart_limit,
            window_seconds=codex.restart_window_seconds,
        ),
    )
