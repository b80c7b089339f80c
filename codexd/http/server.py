"""Builds the HTTP server for the service that listens with it."""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from codexd.answers.dependencies import AnswerDependencies
from codexd.answers.registry import ActiveAnswers
from codexd.http.auth import Authenticator
from codexd.http.cors_resource import CorsResource
from codexd.http.dependencies import Dependencies
from codexd.http.handlers.conversations import ConversationHandlers
from codexd.http.handlers.create import CreateHandlers
from codexd.http.handlers.embeddings import EmbeddingsHandler
from codexd.http.handlers.forwarding import ForwardingHandler
from codexd.http.handlers.models import MetricsHandler, ModelHandlers
from codexd.http.handlers.probes import ProbeHandlers
from codexd.http.handlers.stored_responses import StoredResponseHandlers
from codexd.http.routes import Handlers, Routes
from codexd.http.site import Site
from codexd.interfaces import IEmbedder, IForwarder, IModelBackend, IStore
from codexd.observe.request_log import RequestLogger
from codexd.policy.auth import KeyRing
from codexd.policy.cors import CorsPolicy
from codexd.policy.flow import FlowLimits
from codexd.settings import Settings
from codexd.tools.output_mode import OutputModes


@frozen
class HttpServer:
    """What the service needs of the server.

    Attributes:
        site: to listen with.
        active: drained before the back ends stop; the store stops last.
    """

    site: Site
    active: ActiveAnswers

    @classmethod
    def build(
        cls,
        *,
        backend: IModelBackend,
        embedder: IEmbedder,
        forwarder: IForwarder,
        store: IStore,
        settings: Settings,
        request_log: RequestLogger,
        clock: IReactorTime,
        now: Callable[[], float],
    ) -> "HttpServer":
        """Build the server.

        Args:
            backend: answers turns.
            embedder: creates embeddings.
            forwarder: forwards requests to upstreams.
            store: the open store; responses that the last stop of the daemon interrupted are marked in it.
            settings: all of them; `http.api_keys` holds all keys.
            request_log: where requests are logged.
            clock: for timers and durations.
            now: returns the Unix time in seconds.
        """
        active = ActiveAnswers(
            clock,
            settings.codex.drain_seconds,
            settings.responses.background_limit,
            request_log.metrics,
        )
        http, tools = settings.http, settings.tools
        dependencies = Dependencies(
            answers=AnswerDependencies(
                backend=backend,
                store=store,
                active=active,
                request_log=request_log,
                clock=clock,
                now=now,
                flow_limits=FlowLimits(http.max_buffer_bytes, http.pause_seconds, http.write_timeout_seconds),
                keepalive_seconds=http.keepalive_seconds,
            ),
            embedder=embedder,
            forwarder=forwarder,
            http=http,
            responses=settings.responses,
            output_modes=OutputModes.from_settings(tools.output_mode, tools.key_output_modes),
        )
        Deferred.fromCoroutine(dependencies.recover())
        return cls(_build_site(dependencies, settings), active)


def _build_site(dependencies: Dependencies, settings: Settings) -> Site:
    http, answers = settings.http, dependencies.answers
    cors = CorsPolicy.from_origins(http.cors_origins)
    authenticator = Authenticator(
        keys=KeyRing(http.api_keys),
        cors=cors,
        max_body_bytes=http.max_body_bytes,
        total_seconds=settings.turns.total_seconds,
    )
    handlers = Handlers(
        create=CreateHandlers(dependencies),
        stored=StoredResponseHandlers(dependencies),
        conversations=ConversationHandlers(dependencies),
        models=ModelHandlers(answers.backend),
        embeddings=EmbeddingsHandler(dependencies),
        forwarding=ForwardingHandler(dependencies),
        metrics=MetricsHandler(answers.request_log.metrics),
        probes=ProbeHandlers(answers.backend, answers.active),
    )
    resource = CorsResource(Routes(authenticator, handlers).app.resource(), cors)
    return Site(resource, authenticator, answers.request_log, answers.clock, http.idle_seconds)
