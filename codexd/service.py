"""The composition root: builds the daemon from the settings. The only user of the global reactor."""

import gc
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import evolve
from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from codexd import __version__
from codexd.administration.control_socket import listen_on_control_socket, locate_control_socket
from codexd.administration.maintenance import NAME as MAINTENANCE_FILE
from codexd.administration.maintenance import MaintenanceSwitch
from codexd.backend_service import BackendService
from codexd.child.orphans import OrphanReaper
from codexd.codex_home import state_directory
from codexd.configuration import ConfigurationError, LoadedSettings
from codexd.configuration.reload import plan_reload
from codexd.decode_thread import DecodeThread
from codexd.http.drain import FLUSH_SECONDS
from codexd.http.handlers.administration import AdminHandlers
from codexd.http.listening import Listeners
from codexd.http.memory_release import MemoryRelease
from codexd.http.open_files import connection_limit, raise_limit
from codexd.http.server import HttpServer
from codexd.keys.limits import KeyLimits
from codexd.keys.usage_saver import UsageSaver
from codexd.observe.journal import is_journal
from codexd.observe.log import AccessLog, LeveledObserver, build_log_writer, build_observer
from codexd.observe.log_file import AppendingLogFile
from codexd.observe.log_writer import FileDestination, all_writers, close_all_writers, standard_output
from codexd.observe.metrics import Metrics
from codexd.observe.reactor_lag import ReactorLag
from codexd.observe.readiness_log import ReadinessLog
from codexd.observe.request_log import RequestLogger
from codexd.observe.span_export import SpanExport, build_span_export
from codexd.observe.trace_buffer import TraceBuffer
from codexd.observe.trace_files import TraceDirectory, locate_trace_directory
from codexd.options import Options
from codexd.policy.reload import ReloadReport
from codexd.process_hardening import forbid_memory_dumps, forbid_public_writes
from codexd.reactor_clock import use_monotonic_time
from codexd.scripted.server import ScriptedModel
from codexd.settings import Log, Settings
from codexd.signals import Signals
from codexd.startup_banner import find_risks, render_startup_banner
from codexd.store.database_file import locate_database
from codexd.store.executor import ThreadExecutor
from codexd.store.service import ExecutorFactory, Store
from codexd.systemd.inherited_sockets import NO_SOCKETS, InheritedSockets
from codexd.systemd.notify import NotifySocket
from codexd.systemd.service_reporter import ServiceReporter, find_watchdog_seconds
from codexd.usage.recorder import UsageRecorder

__all__ = ["Daemon", "Options", "makeService"]


def makeService(options: Options) -> IService:
    """Build the daemon (twisted.application.service.IServiceMaker)."""
    from twisted.internet import reactor

    use_monotonic_time(reactor)
    # Imported modules are never freed: the garbage collector need not scan them.
    gc.freeze()
    twistd = getattr(options, "parent", None) or {}
    forbid_memory_dumps()
    forbid_public_writes()
    observer = _build_observer(options.settings.log, twistd)
    daemon = Daemon(
        options.settings,
        os.environ,
        reactor,
        observer,
        load=options.reload,
        warnings=options.loaded.warnings,
        files=options.loaded.files,
        reap_orphans=True,
        inherited=options.inherited,
    )
    Signals(reactor, daemon).install()
    # twistd ends the process by a signal, so no exit handlers run.
    reactor.addSystemEventTrigger("after", "shutdown", close_all_writers)
    return daemon


def _build_observer(settings: Log, twistd: Mapping[str, Any]) -> LeveledObserver | None:
    """Build the observer that writes where twistd's options say; None if they choose an observer."""
    path = twistd.get("logfile") or (None if twistd.get("nodaemon") else "twistd.log")
    if twistd.get("logger") or twistd.get("syslog") or (path == "-" and not twistd.get("nodaemon")):
        return None
    if path not in (None, "-"):
        file = AppendingLogFile.fromFullPath(path, rotateLength=settings.rotate_bytes or None)
        return build_observer(settings, build_log_writer(settings, FileDestination(file)))
    output = standard_output()
    journal = is_journal(output.descriptor, os.environ)
    return build_observer(settings, build_log_writer(settings, output, journal), journal)


class Daemon(MultiService):
    """One codexd: the store, the back ends and the HTTP server.

    The store opens first. The server listens before the Codex processes are ready, so that probes are
    answered from the start. It stops in the reverse order: new requests are refused, running responses may
    finish, the Codex processes stop, and the store closes last, when nothing is left to save.

    Args:
        settings: all settings.
        environ: the source of CODEX_HOME and of the variables passed to the Codex processes.
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        observer: the log observer, unless twistd's options set one.
        scripted_model: is served instead of a new one, for tests that inspect its requests.
        connect: opens the executor of the store's SQL.
        load: loads the settings again, for a reload; raises ConfigurationError.
        warnings: of the settings; they are logged at the start.
        files: the files from which the settings were read.
        reap_orphans: end the processes that Codex leaves behind; it changes the whole process.
        inherited: the listening sockets that the service manager opened.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        reactor: Any,
        observer: ILogObserver | None = None,
        scripted_model: ScriptedModel | None = None,
        connect: ExecutorFactory = ThreadExecutor,
        load: Callable[[], LoadedSettings] | None = None,
        warnings: tuple[str, ...] = (),
        files: tuple[str, ...] = (),
        reap_orphans: bool = False,
        inherited: InheritedSockets = NO_SOCKETS,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._environ = environ
        self._reactor = reactor
        self._observer = observer
        self._scripted_model = scripted_model
        self._connect = connect
        self._load = load or (lambda: LoadedSettings(settings))
        self._warnings = warnings
        self._files = files
        self._metrics = Metrics()
        self._key_limits = KeyLimits(settings)
        self._memory_release = MemoryRelease(reactor)
        count_killed = partial(self._metrics.count, "child_orphans_killed")
        self._orphans = OrphanReaper(reactor, count_killed) if reap_orphans else None
        self._store: Store | None = None
        self._backends: BackendService | None = None
        self._server: HttpServer | None = None
        self._decode_thread = DecodeThread(reactor)
        self._trace_thread = DecodeThread(reactor, "trace")
        self._traces = TraceBuffer(
            settings=settings.trace,
            directory=self._locate_traces(settings),
            run_in_thread=self._trace_thread.run,
            clock=reactor,
            now=time.time,
            metrics=self._metrics,
        )
        self._spans: SpanExport | None = None
        self._usage_saver: UsageSaver | None = None
        self._readiness_log: ReadinessLog | None = None
        self._reactor_lag = ReactorLag(reactor, self._metrics.observe_reactor_lag)
        self._usage_recorder: UsageRecorder | None = None
        self._listeners = Listeners(reactor, inherited)
        self._reporter = ServiceReporter(
            NotifySocket.from_environment(environ),
            reactor,
            ready=self._is_ready,
            describe=self._describe_state,
            watchdog_seconds=find_watchdog_seconds(environ, os.getpid()),
        )

    def setServiceParent(self, parent: Any) -> None:
        """Join the application and set its log observer (Twisted looks it up there)."""
        if self._observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)

    @property
    def addresses(self) -> list[IAddress]:
        """The addresses it listens on once started, with the real port where port 0 was configured."""
        return self._listeners.addresses

    def startService(self) -> None:
        """Open the store, listen, and start the back ends.

        Raises:
            SystemExit: when the store, Codex or an upstream cannot be used, or listening fails.
        """
        settings = self._settings
        self._log.info("codexd {version} is starting up", event="daemon_starting", version=__version__, pid=os.getpid())
        for writer in all_writers():
            writer.on_dropped = partial(self._metrics.count, "log_lines_dropped")
        self._spans = self._build_span_export()
        self._store = store = self._open_store()
        self._usage_recorder = usage = UsageRecorder(store, settings.usage, self._metrics, self._reactor, time.time)
        self._backends = backends = self._build_backends()
        self._decode_thread.start()
        self._trace_thread.start()
        self._traces.start()
        self._server = self._build_server(backends, store, usage)
        for description in settings.http.listen:
            self._listeners.listen(description, self._server.site)
        if control := locate_control_socket(settings.admin, self._environ):
            port = listen_on_control_socket(control, self._server.control_site, self._reactor)
            if port is not None:
                self._listeners.keep(port)
        if self._orphans is not None:
            self._orphans.start()
        backends.setServiceParent(self)
        self._usage_saver = UsageSaver(self._server.meters, store, self._reactor)
        self._usage_saver.start()
        usage.start()
        super().startService()
        self._readiness_log = ReadinessLog(self._reactor, backends.is_ready, backends.upstreams.readiness)
        self._readiness_log.start()
        self._reactor_lag.start()
        self._metrics.models.list_models = backends.list_model_names
        self._log_start(backends)
        self._reporter.start()
        self._listeners.accept_when(self._is_ready)

    def _build_server(self, backends: BackendService, store: Store, usage: UsageRecorder) -> HttpServer:
        settings, state = self._settings, state_directory(self._environ)
        maintenance = MaintenanceSwitch(settings.maintenance, state / MAINTENANCE_FILE, self._metrics)
        return HttpServer(
            backends=backends.in_use,
            store=store,
            settings=_with_connection_limit(settings),
            request_log=RequestLogger(
                metrics=self._metrics,
                requests=AccessLog(),
                traces=self._traces,
                spans=self._spans,
                record_usage=usage.add,
                record_late_usage=usage.add_late,
            ),
            ledger=store,
            flush_usage=usage.flush,
            clock=self._reactor,
            now=time.time,
            admin=AdminHandlers(maintenance=maintenance, reload=self.reload, recycle=backends.recycle),
            on_released=self._memory_release.note,
            run_in_thread=self._decode_thread.run,
            status=backends,
        )

    def _log_start(self, backends: BackendService) -> None:
        """Log what is served, how to change that, and what is risky about it."""
        settings, codex = self._settings, backends.homes[0]
        configured = codex.configured_provider
        banner = render_startup_banner(
            settings,
            codex.provider,
            codex.home,
            candidates=codex.candidates,
            configured_provider=None if configured is None else configured.summary,
        )
        for number, line in enumerate(banner):
            self._log.info("{line}", event="startup_hint" if number else "daemon_started", line=line)
        self._report_further_homes(backends)
        for warning in (*self._warnings, *find_risks(settings, os.geteuid())):
            self._log.warn("{text}", event="startup_warning", text=warning)

    def _report_further_homes(self, backends: BackendService) -> None:
        """Log what the second and further homes of Codex serve, and which homes have no login."""
        for home in backends.homes[1:]:
            self._log.info(
                "Codex back end {backend}: {models} models of {home}",
                event="home_started",
                backend=home.backend,
                models=home.provider,
                home=str(home.home),
            )
        for home in backends.homes if len(backends.homes) > 1 else ():
            if home.children is None:
                self._log.warn(
                    "Codex back end {backend} does not run: no login in {home}; log in with `codexd login --backend "
                    "{backend}`, and restart codexd",
                    event="home_without_login",
                    backend=home.backend,
                    home=str(home.home),
                )

    def reload(self) -> ReloadReport:
        """Load the settings again and apply what changed; if anything is wrong, nothing changes.

        What is live takes effect for all further requests; running requests keep the settings they began with.
        """
        self._reporter.reloading()
        try:
            return self._reload()
        finally:
            self._reporter.reloaded()

    def _reload(self) -> ReloadReport:
        if self._server is None or self._backends is None or self._store is None:
            return ReloadReport(problems=("the daemon does not run",))
        try:
            loaded = self._load()
            plan = plan_reload(self._settings, loaded.settings)
            prepared = self._backends.prepare(plan.settings, loaded.files)
        except ConfigurationError as error:
            self._metrics.count("reloads_failed")
            self._log.error(
                "The settings were not reloaded, the old ones stay in effect: {error}",
                event="reload_failed",
                error=str(error),
            )
            return ReloadReport(problems=error.problems)
        self._key_limits.apply(plan.settings)
        self._backends.apply(plan.settings, prepared)
        self._store.apply(plan.settings.responses)
        self._traces.apply(plan.settings.trace, self._locate_traces(plan.settings))
        if self._usage_recorder is not None:
            self._usage_recorder.apply(plan.settings.usage)
        if plan.settings.maintenance != self._settings.maintenance:
            self._server.maintenance.apply(plan.settings.maintenance)
        self._server.apply(_with_connection_limit(plan.settings), self._backends.in_use)
        if isinstance(self._observer, LeveledObserver):
            self._observer.set_level(plan.settings.log.level)
        self._settings = plan.settings
        self._metrics.count("reloads")
        self._log.info(
            "The settings were reloaded; changed: {applied}; changed, but in effect only after a restart: {restart}",
            event="reloaded",
            applied=", ".join(plan.applied) or "nothing",
            restart=", ".join(plan.restart) or "nothing",
        )
        return ReloadReport(applied=plan.applied, restart=plan.restart)

    def _is_ready(self) -> bool:
        return self._backends is not None and self._backends.is_ready()

    def _describe_state(self) -> str:
        """Describe the state in one line, for the service manager."""
        if self._server is None:
            return "Not started"
        count = f"{self._server.active.count} responses run"
        if self._server.active.draining:
            return f"Stopping: {count}"
        if self._server.maintenance.state.enabled:
            return f"In maintenance: {count}"
        return f"Ready: {count}" if self._is_ready() else "No back end is ready: waiting for Codex or an upstream"

    async def _stop(self) -> None:
        self._reporter.stopping(_stop_seconds(self._settings))
        await self._listeners.hand_over()
        self._memory_release.stop()
        self._reactor_lag.stop()
        if self._readiness_log is not None:
            self._readiness_log.stop()
        drained = None if self._server is None else self._server.drain.run()
        if self._backends is not None:
            self._backends.drain()
        if drained is not None:
            await drained
        await maybeDeferred(super().stopService)
        if self._orphans is not None:
            await self._orphans.end()
        await self._listeners.stop()
        if self._usage_saver is not None:
            await self._usage_saver.stop()
        if self._usage_recorder is not None:
            await self._usage_recorder.stop()
        self._decode_thread.stop()
        self._traces.stop()
        self._trace_thread.stop()
        if self._spans is not None:
            await self._spans.stop(self._reactor)
        if self._store is not None:
            await self._store.stopService()
        self._log.info("codexd has stopped", event="daemon_stopped")
        self._reporter.end()

    def stopService(self) -> "Deferred[None]":
        """Drain running responses, stop the back ends, stop listening, then close the store."""
        return Deferred.fromCoroutine(self._stop())

    # Signals (codexd.signals.SignalTarget).

    def hurry(self) -> None:
        """Stop at once: running responses end, and the Codex processes have little time."""
        if self._server is not None:
            self._server.drain.hurry()
        if self._backends is not None:
            self._backends.hurry()

    def reopen_log(self) -> None:
        """Open the log file again, which was moved by a log rotation."""
        for writer in all_writers():
            writer.reopen()
        self._log.info("The log file was opened again", event="log_reopened")

    def _open_store(self) -> Store:
        """Open the store; the daemon does not start without it."""
        settings = self._settings.responses
        try:
            path = locate_database(settings, state_directory(self._environ))
            store = Store(
                settings,
                path,
                self._reactor,
                self._metrics,
                lease_seconds=self._settings.turns.total_seconds,
                connect=self._connect,
                owner_bytes=self._key_limits.stored_bytes,
            )
            store.startService()
        except ConfigurationError as error:
            raise SystemExit(f"codexd: {error}") from error
        return store

    def _build_span_export(self) -> SpanExport | None:
        try:
            return build_span_export(self._settings.otel, self._environ, self._metrics, self._reactor)
        except ConfigurationError as error:
            raise SystemExit(f"codexd: {error}") from error

    def _locate_traces(self, settings: Settings) -> TraceDirectory:
        return locate_trace_directory(settings.trace, state_directory(self._environ))

    def _build_backends(self) -> BackendService:
        try:
            return BackendService(
                self._settings,
                self._environ,
                self._reactor,
                self._metrics,
                self._scripted_model,
                self._decode_thread.run,
                self._key_limits.turns_at_once,
                files=self._files,
            )
        except ConfigurationError as error:
            raise SystemExit(f"codexd: {error}") from error


def _stop_seconds(settings: Settings) -> float:
    """Return how long a stop takes at most, with a reserve for the store."""
    return settings.codex.drain_seconds + FLUSH_SECONDS + settings.codex.grace_seconds + 10


def _with_connection_limit(settings: Settings) -> Settings:
    """Raise the limit of open files, and derive `http.max_connections` from it if it is not set."""
    files = raise_limit()
    if settings.http.max_connections:
        return settings
    reserved = sum(upstream.max_connections for upstream in settings.upstream) + 8 * sum(
        home.workers for home in settings.homes
    )
    return evolve(settings, http=evolve(settings.http, max_connections=connection_limit(files, reserved)))
