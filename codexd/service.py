"""The composition root: settings in, a running daemon out. The only user of the global reactor."""

import gc
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from codexd import home
from codexd.announcement import announcement
from codexd.answering import Answering
from codexd.configuration import Misconfigured
from codexd.http.front import Front
from codexd.observe.journal import Journal
from codexd.observe.log import RequestLog, observing
from codexd.observe.metrics import Metrics
from codexd.options import Options
from codexd.scripted.server import ScriptedModel
from codexd.settings import Settings
from codexd.store.executor import PoolExecutor
from codexd.store.file import located
from codexd.store.service import Connect, Store

__all__ = ["Daemon", "Options", "makeService"]


def makeService(options: Options) -> IService:
    """Make the daemon (twisted.application.service.IServiceMaker)."""
    from twisted.internet import reactor

    # What was imported stays: the collector need not look at it again and again.
    gc.freeze()
    twistd = getattr(options, "parent", None) or {}
    elsewhere = any(twistd.get(name) for name in ("logger", "logfile", "syslog"))
    observer = None
    if twistd.get("nodaemon") and not elsewhere:
        observer = observing(options.settings.log, sys.stdout)
    return Daemon(options.settings, os.environ, reactor, observer)


class Daemon(MultiService):
    """Everything of one codexd.

    The store opens first. It listens before its children are up, so that probes are answered from the start,
    and stops in the other order: the door closes, running answers may finish, then the children go, and when
    nothing is left to be kept the store closes.

    Args:
        environ: where CODEX_HOME and what the children may see come from.
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        observer: where the log goes, if twistd was not told.
        model: the scripted model to answer with, if it does; for whoever wants to see what it was asked.
        connect: makes what runs the store's SQL.

    Attributes:
        addresses: where it listens for clients, once started: the real ports where a free one was asked for.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        reactor: Any,
        observer: ILogObserver | None = None,
        model: ScriptedModel | None = None,
        connect: Connect = PoolExecutor,
    ) -> None:
        super().__init__()
        self.addresses: list[IAddress] = []
        self._settings = settings
        self._environ = environ
        self._reactor = reactor
        self._observer = observer
        self._model = model
        self._connect = connect
        self._metrics = Metrics()
        self._store: Store | None = None
        self._front: Front | None = None
        self._ports: list[IListeningPort] = []

    def setServiceParent(self, parent: Any) -> None:
        """Join the application, and give it our log (Twisted reads it there)."""
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)

    def startService(self) -> None:
        """Open the store, listen, and start the children.

        Raises:
            SystemExit: when the store or an upstream cannot be used, or an endpoint not be listened on.
        """
        settings = self._settings
        self._store = store = self._open()
        answering = self._answering()
        self._front = Front.built(
            answering.backend,
            answering.embedder,
            store,
            settings,
            Journal(self._metrics, RequestLog()),
            self._reactor,
            time.time,
        )
        for description in settings.http.listen:
            self._listen(description, self._front.site)
        answering.setServiceParent(self)
        super().startService()
        for line in announcement(settings, answering.serving, answering.home):
            self._log.info("{line}", line=line)

    async def _stop(self) -> None:
        if self._front is not None:
            await self._front.doorman.close()
        await maybeDeferred(super().stopService)
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        if self._store is not None:
            await self._store.stopService()

    def stopService(self) -> "Deferred[None]":
        """Let running answers finish, then stop the children, then listen no more, then close the store."""
        return Deferred.fromCoroutine(self._stop())

    def _open(self) -> Store:
        """Open the store; without it nothing may be promised to anybody."""
        settings = self._settings.responses
        try:
            path = located(settings, home.own_home(self._environ).parent)
            store = Store(
                settings,
                path,
                self._reactor,
                self._metrics,
                lent_seconds=self._settings.turns.total_seconds,
                connect=self._connect,
            )
            store.startService()
        except Misconfigured as error:
            raise SystemExit(f"codexd: {error}") from error
        return store

    def _answering(self) -> Answering:
        try:
            return Answering(self._settings, self._environ, self._reactor, self._metrics, self._model)
        except Misconfigured as error:
            raise SystemExit(f"codexd: {error}") from error

    def _listen(self, description: str, site: Any) -> None:
        problems: list[Failure] = []
        endpoint = serverFromString(self._reactor, description)
        endpoint.listen(site).addCallbacks(self._listening, problems.append)
        if problems:
            # Nothing to serve, nothing to run for: whoever started the daemon must see it.
            raise SystemExit(f"codexd: cannot listen on {description}: {problems[0].getErrorMessage()}")

    def _listening(self, port: IListeningPort) -> None:
        self._ports.append(port)
        self.addresses.append(port.getHost())
