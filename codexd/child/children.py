"""The app-server side of the daemon as one service: children, back end, and what is done now and then."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from codexd.backs.bindings import Unexpected
from codexd.backs.catalog import windows
from codexd.child.backend import AppServer
from codexd.child.launch import Launch, prepare_catalog
from codexd.child.memory import resident_bytes
from codexd.child.pool import Pool
from codexd.child.process import ChildProcess, launch
from codexd.child.worker import Worker
from codexd.neutral.fault import Refused
from codexd.observe.metrics import Metrics
from codexd.policy.restart import RestartPolicy, Supervision
from codexd.settings import Codex, Settings

SWEEP_SECONDS = 1.0


class Children(Service):
    """Supervised children behind one back end.

    Args:
        how: how a child is started.
        reactor: provides IReactorTime and IReactorProcess.
        chance: draws a number from 0 to 1.
        resident: gives a process's resident memory in bytes.

    Attributes:
        backend: answers turns.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        how: Launch,
        reactor: Any,
        chance: Callable[[], float],
        metrics: Metrics,
        resident: Callable[[int], int] = resident_bytes,
    ) -> None:
        self._settings = settings
        self._how = how
        self._reactor = reactor
        self._chance = chance
        self._metrics = metrics
        self._resident = resident
        self._catalog: Path | None = None
        self._preparing: Deferred[None] | None = None
        self._pools = self._make_pools()
        self.backend = AppServer(settings, self._pools, str(how.workspace), reactor, metrics)
        self._loops = (
            (self._sweep, SWEEP_SECONDS),
            (self._refresh, settings.models.refresh_seconds),
        )
        self._looping: list[LoopingCall] = []

    def startService(self) -> None:
        """Start the children, as soon as their catalog is written."""
        super().startService()
        self._how.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._preparing = Deferred.fromCoroutine(self._start())
        self._preparing.addErrback(self._failed)
        for work, seconds in self._loops:
            loop = LoopingCall(self._try, work)
            loop.clock = self._reactor
            loop.start(seconds, now=False)
            self._looping.append(loop)

    def stopService(self) -> "Deferred[Any]":
        """Stop the children; the Deferred fires when the last is gone."""
        super().stopService()
        if self._preparing is not None:
            self._preparing.cancel()
        for loop in self._looping:
            loop.stop()
        self._looping.clear()
        return gatherResults([pool.stopService() for pool in self._pools.values() if pool.running])

    async def _start(self) -> None:
        try:
            self._catalog = await prepare_catalog(self._how, self._reactor)
        except CancelledError:
            return
        if self._catalog is not None:
            self.backend.learn(windows(self._catalog.read_bytes()))
        self._pools["plain"].startService()

    def _changed(self, worker: Worker) -> None:
        """Pass a child's news on; the first that is up has made the home fit for the others (see Pool)."""
        if worker.ready:
            for pool in self._pools.values():
                if not pool.running:
                    pool.startService()
        self.backend.changed(worker)

    def _make_pools(self) -> dict[str, Pool]:
        wanted = {"plain"} | {alias.profile for alias in self._settings.models.alias}
        return {profile: self._make_pool(profile) for profile in sorted(wanted, reverse=True)}

    def _make_pool(self, profile: str) -> Pool:
        return Pool(
            tuple(self._make_worker(profile, number) for number in range(self._settings.codex.workers))
        )

    def _make_worker(self, profile: str, number: int) -> Worker:
        def spawn(child: ChildProcess) -> None:
            # An agent is Codex as it is, with the tools its own catalog gives it.
            catalog = self._catalog if profile == "plain" else None
            launch(self._reactor, self._how.command(catalog), child)

        return Worker(
            f"{profile}-{number}",
            spawn,
            self._reactor,
            _supervision(self._settings.codex),
            self._chance,
            self._settings.codex,
            self._metrics,
            self._changed,
        )

    def _sweep(self) -> None:
        self.backend.sweep()
        workers = (worker for pool in self._pools.values() for worker in pool.workers)
        sizes = [self._resident(pid) for worker in workers if (pid := worker.supervisor.pid) is not None]
        self._metrics.level("children_resident_bytes", sum(sizes))
        if max(sizes, default=0) > self._settings.turns.affinity_child_bytes:
            self.backend.relieve()

    async def _refresh_models(self) -> None:
        try:
            await self.backend.refresh()
        except (Refused, Unexpected) as error:
            self._log.warn("The list of models could not be read again ({why})", why=type(error).__name__)

    def _refresh(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._refresh_models())

    def _try(self, work: Callable[[], Any]) -> "Deferred[Any]":
        """Do it once; a defect in it must not keep it from being done again."""
        return maybeDeferred(work).addErrback(self._failed)

    def _failed(self, failure: Any) -> None:
        self._log.failure("The children's service has a defect", failure)


def _supervision(codex: Codex) -> Supervision:
    return Supervision(
        handshake_seconds=codex.handshake_seconds,
        grace_seconds=codex.grace_seconds,
        restart=RestartPolicy(
            first_seconds=codex.backoff_first_seconds,
            cap_seconds=codex.backoff_cap_seconds,
            stable_seconds=codex.stable_seconds,
            limit=codex.restart_limit,
            window_seconds=codex.restart_window_seconds,
        ),
    )
