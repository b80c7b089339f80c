"""Builds the HTTP server for the service that listens with it."""

import secrets
from collections.abc import Awaitable, Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource

from codexd.administration.maintenance import MaintenanceSwitch
from codexd.answers.dependencies import AnswerDependencies
from codexd.answers.one_shot_event import OneShotEvent
from codexd.answers.registry import ActiveAnswers
from codexd.configuration.keys import build_key_ring, build_policy
from codexd.decode_thread import RunInThread, run_at_once
from codexd.fronts.limits import RequestLimits
from codexd.http.auth import Authenticator, ControlAuthenticator
from codexd.http.body import BodyReader
from codexd.http.connection_limit import ConnectionLimit
from codexd.http.connections import Connections
from codexd.http.cors_resource import CorsResource
from codexd.http.dependencies import Dependencies
from codexd.http.drain import Drain
from codexd.http.handlers.administration import AdminHandlers
from codexd.http.handlers.conversations import ConversationHandlers
from codexd.http.handlers.create import CreateHandlers
from codexd.http.handlers.embeddings import EmbeddingsHandler
from codexd.http.handlers.forwarding import ForwardingHandler
from codexd.http.handlers.models import MetricsHandler, ModelHandlers
from codexd.http.handlers.page import PageHandlers
from codexd.http.handlers.playground import PlaygroundHandlers
from codexd.http.handlers.probes import ProbeHandlers
from codexd.http.handlers.recent_requests import RecentRequestHandlers
from codexd.http.handlers.stored_responses import StoredResponseHandlers
from codexd.http.handlers.usage import UsageHandlers
from codexd.http.key_access import KeyAccess
from codexd.http.page_access import PageAccess
from codexd.http.page_routes import PageRoutes
from codexd.http.routes import Handlers, Routes
from codexd.http.site import MemoryLimits, Site
from codexd.interfaces import Backends, IStatus, IStore, IUsageLedger
from codexd.observe.request_log import RequestLogger
from codexd.policy.auth import KeyRing
from codexd.policy.byte_budget import ByteBudget
from codexd.policy.cors import CorsPolicy
from codexd.policy.flow import FlowLimits
from codexd.policy.hosts import ANY as ANY_HOST
from codexd.policy.hosts import HostPolicy
from codexd.policy.key_meter import KeyMeters
from codexd.policy.model_access import ModelAccess
from codexd.policy.sign_ins import SignIns
from codexd.settings import Http, Page, Settings
from codexd.tools.output_mode import OutputModes


class HttpServer:
    """The HTTP server: its sites serve the same routes.

    A reload of the settings replaces the routes of both sites in one step (`apply`); running requests keep theirs.

    Args:
        backends: what answers requests.
        store: the open store; responses that the last stop of the daemon interrupted are marked in it.
        settings: all of them; `http.api_keys` and `key` hold all keys.
        request_log: where requests are logged.
        ledger: what every request has used.
        flush_usage: writes what was recorded to the ledger.
        clock: for timers and durations.
        now: returns the Unix time in seconds.
        admin: the handlers of the routes under /admin.
        on_released: called with the number of bytes of requests and responses that are no longer in memory.
        status: shows the state of the back ends.

    Attributes:
        site: to listen with for clients.
        control_site: to listen with on the control socket, where everyone is an administrator.
        meters: count what the API keys use.
        active: the running answers.
        drain: runs before the back ends stop; the store stops last.
    """

    def __init__(
        self,
        *,
        backends: Backends,
        store: IStore,
        settings: Settings,
        request_log: RequestLogger,
        ledger: IUsageLedger,
        flush_usage: Callable[[], Awaitable[None]],
        clock: IReactorTime,
        now: Callable[[], float],
        admin: AdminHandlers,
        on_released: Callable[[int], object] = lambda _: None,
        run_in_thread: RunInThread = run_at_once,
        status: IStatus,
    ) -> None:
        self._status, self._sign_ins, self._began = status, SignIns(secrets.token_bytes(32)), clock.seconds()
        self._run_in_thread, self._on_released = run_in_thread, on_released
        self.meters = KeyMeters(clock.seconds, now, request_log.metrics.count_key_tokens)
        self._store, self._request_log, self._clock, self._now, self._admin = store, request_log, clock, now, admin
        request_log.recent.apply(settings.observe.recent_requests)
        self._usage = UsageHandlers(ledger=ledger, flush=flush_usage, now=now, run_in_thread=run_in_thread)
        self.active = ActiveAnswers(settings.responses.background_limit, request_log.metrics)
        http, connections = settings.http, Connections()
        self._received = ByteBudget(_received_limit(http), on_released)
        self._unsent = ByteBudget(http.max_unsent_bytes, on_released)
        request_log.metrics.watch("received_bytes", lambda: self._received.total_bytes)
        request_log.metrics.watch("unsent_bytes", lambda: self._unsent.total_bytes)
        self.drain = Drain(self.active, connections, clock, _drain_seconds(settings))
        self._recovered = OneShotEvent()
        dependencies = self._build_dependencies(settings, backends)
        self._limit = ConnectionLimit(http.max_connections, clock.seconds, request_log.metrics.count)
        request_log.metrics.watch("connections_open", lambda: self._limit.open_count)
        make_site = partial(
            Site,
            request_log=request_log,
            clock=clock,
            idle_seconds=http.idle_seconds,
            connections=connections,
            memory=self._build_memory_limits(settings),
        )
        self.site = make_site(*self._build_routes(dependencies, settings), limit=self._limit)
        self.control_site = make_site(self.site.resource, _build_control_authenticator(settings, self._now))
        self.site.account = self.control_site.account = backends.account
        Deferred.fromCoroutine(dependencies.recover())
        # The store and the active answers are the same after a reload.
        store.on_recovered(lambda: Deferred.fromCoroutine(dependencies.recover_unsaved()))

    @property
    def maintenance(self) -> MaintenanceSwitch:
        """The switch of maintenance."""
        return self._admin.maintenance

    def apply(self, settings: Settings, backends: Backends) -> None:
        """Serve all further requests with other settings and back ends."""
        self.active.apply(settings.responses.background_limit)
        self._request_log.recent.apply(settings.observe.recent_requests)
        self.drain.apply(_drain_seconds(settings))
        self._received.limit_bytes = _received_limit(settings.http)
        self._unsent.limit_bytes = settings.http.max_unsent_bytes
        dependencies = self._build_dependencies(settings, backends)
        self.site.resource, self.site.authenticator = self._build_routes(dependencies, settings)
        self.control_site.resource = self.site.resource
        self.control_site.authenticator = _build_control_authenticator(settings, self._now)
        self.site.account = self.control_site.account = backends.account
        self._limit.limit = settings.http.max_connections
        self.site.timeOut = self.control_site.timeOut = settings.http.idle_seconds
        self.site.memory = self.control_site.memory = self._build_memory_limits(settings)

    def _build_routes(self, dependencies: Dependencies, settings: Settings) -> tuple[CorsResource, Authenticator]:
        http = settings.http
        sample_ratio = None if self._request_log.spans is None else settings.otel.sample_ratio
        authenticator = _build_authenticator(settings, self._now, sample_ratio)
        handlers = _build_handlers(dependencies, self._admin, self._usage)
        # A page that rebinds its name to this machine has no key.
        hosts = HostPolicy.from_hosts(http.allowed_hosts if authenticator.keys.is_open else (ANY_HOST,))
        page = self._build_page(handlers, settings.page) if settings.page.enabled else None
        routes = Routes(handlers, dependencies.keys).app.resource()
        return CorsResource(routes, authenticator.cors, hosts, page), authenticator

    def _build_page(self, handlers: Handlers, settings: Page) -> IResource:
        page = PageHandlers(
            access=PageAccess(sign_ins=self._sign_ins, sign_in_seconds=settings.sign_in_seconds, now=self._now),
            probes=handlers.probes,
            admin=self._admin,
            status_source=self._status,
            request_log=self._request_log,
            usage=self._usage,
            meters=self.meters,
            clock=self._clock,
            began=self._began,
        )
        return PageRoutes(page, PlaygroundHandlers(page=page, create=handlers.create)).build_resource()

    def _build_memory_limits(self, settings: Settings) -> MemoryLimits:
        return MemoryLimits(received=self._received, unsent=self._unsent, flow=_build_flow_limits(settings))

    def _build_dependencies(self, settings: Settings, backends: Backends) -> Dependencies:
        http, tools = settings.http, settings.tools
        return Dependencies(
            answers=AnswerDependencies(
                backend=backends.backend,
                store=self._store,
                active=self.active,
                request_log=self._request_log,
                clock=self._clock,
                now=self._now,
                flow_limits=_build_flow_limits(settings),
                unsent=self._unsent,
                keepalive_seconds=http.keepalive_seconds,
            ),
            embedder=backends.embedder,
            forwarder=backends.forwarder,
            bodies=_build_body_reader(http, self._run_in_thread, self._on_released),
            http=http,
            responses=settings.responses,
            maintenance=self._admin.maintenance,
            output_modes=OutputModes.from_settings(tools.output_mode, tools.key_output_modes),
            keys=self._build_key_access(settings, backends),
            recovered=self._recovered,
            accounts=backends.accounts,
        )

    def _build_key_access(self, settings: Settings, backends: Backends) -> KeyAccess:
        metrics = self._request_log.metrics
        self.meters.apply(map(build_policy, settings.key))
        metrics.watch_key_budgets(self.meters)
        return KeyAccess(
            meters=self.meters,
            models=ModelAccess.of_aliases(settings.models.alias),
            list_models=backends.list_models,
            metrics=metrics,
        )


def _drain_seconds(settings: Settings) -> float:
    """Return how long the daemon drains: as long as the back end of Codex that takes longest."""
    return max(home.drain_seconds for home in settings.homes)


def _received_limit(http: Http) -> int:
    """Return the budget of received bytes, in which one body of the largest size has room."""
    return max(http.max_received_bytes, http.max_body_bytes)


def _build_body_reader(http: Http, run_in_thread: RunInThread, on_released: Callable[[int], object]) -> BodyReader:
    limits = RequestLimits(
        json_values=http.max_json_values,
        items=http.max_items,
        content_parts=http.max_content_parts,
        tools=http.max_tools,
    )
    return BodyReader(
        max_bytes=http.max_body_bytes,
        max_ratio=http.max_inflate_ratio,
        limits=limits,
        run_in_thread=run_in_thread,
        on_released=on_released,
    )


def _build_flow_limits(settings: Settings) -> FlowLimits:
    http = settings.http
    return FlowLimits(http.max_buffer_bytes, http.pause_seconds, http.write_timeout_seconds)


def _build_authenticator(settings: Settings, now: Callable[[], float], sample_ratio: float | None) -> Authenticator:
    return Authenticator(
        keys=build_key_ring(settings),
        cors=CorsPolicy.from_origins(settings.http.cors_origins),
        max_body_bytes=settings.http.max_body_bytes,
        total_seconds=settings.turns.total_seconds,
        now=now,
        sample_ratio=sample_ratio,
    )


def _build_handlers(dependencies: Dependencies, admin: AdminHandlers, usage: UsageHandlers) -> Handlers:
    answers = dependencies.answers
    return Handlers(
        create=CreateHandlers(dependencies),
        stored=StoredResponseHandlers(dependencies),
        conversations=ConversationHandlers(dependencies),
        models=ModelHandlers(dependencies.keys.list_models, dependencies.keys.models),
        embeddings=EmbeddingsHandler(dependencies),
        forwarding=ForwardingHandler(dependencies),
        metrics=MetricsHandler(answers.request_log.metrics),
        usage=usage,
        probes=ProbeHandlers(
            backend=answers.backend,
            active=answers.active,
            maintenance=dependencies.maintenance,
            store=answers.store,
            accounts=dependencies.accounts,
            now=answers.now,
        ),
        admin=admin,
        recent=RecentRequestHandlers(answers.request_log.recent, answers.clock),
    )


def _build_control_authenticator(settings: Settings, now: Callable[[], float]) -> ControlAuthenticator:
    return ControlAuthenticator(
        keys=KeyRing(),
        cors=CorsPolicy.from_origins(()),
        max_body_bytes=settings.http.max_body_bytes,
        total_seconds=settings.turns.total_seconds,
        now=now,
    )
