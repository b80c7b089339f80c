"""The Twisted service of the back ends: Codex processes, upstreams and the router in front of them."""

import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort

from codexd.child.children import Children
from codexd.child.launch import LaunchConfig
from codexd.child.provider_catalog import ProviderCatalog
from codexd.codex_home import (
    candidate_homes,
    choose_provider,
    find_codex_binary,
    find_codex_home,
    find_configured_provider,
    has_account,
    state_directory,
)
from codexd.decode_thread import RunInThread, run_at_once
from codexd.images.loader import ImageLoader
from codexd.interfaces import Backends, IModelBackend
from codexd.observe.metrics import Metrics
from codexd.policy.fallback import CODEX
from codexd.policy.provider_models import ProviderModels
from codexd.routing.compaction import CompactingBackend
from codexd.routing.forwarding import ForwardingEntry, ForwardingRouter
from codexd.routing.image_backend import ImageLoading, InlineImagesBackend
from codexd.routing.large_turns import LargeTurnBackend
from codexd.routing.router import BackendEntry, ModelRouter
from codexd.routing.tool_backends import PromptedToolsBackend, ToolTextBackend
from codexd.scripted.server import ScriptedModel, build_site
from codexd.settings import Settings, Upstream
from codexd.upstream.backend import UpstreamBackend
from codexd.upstream.provider_list import ProviderListReader
from codexd.upstream.service import PreparedUpstreams, Upstreams


class BackendService(MultiService):
    """Starts and stops all back ends of a daemon.

    Args:
        settings: all settings.
        environ: the source of CODEX_HOME, upstream keys and the variables passed to the Codex processes.
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        metrics: the daemon's metrics.
        scripted_model: is served instead of a new one, when the scripted model is used.
        run_in_thread: runs the preparation of large turns.

    Attributes:
        provider: whose models Codex serves; `none` when Codex does not run.
        codex_home: the CODEX_HOME of the Codex processes.
        candidate_homes: the homes from which it was chosen.
        configured_provider: the model provider that Codex's configuration selects instead of OpenAI, if any.
        upstreams: the upstream servers.
        in_use: what answers requests now.

    Raises:
        ConfigurationError: when Codex, its home, or an upstream's key or CA file cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        reactor: Any,
        metrics: Metrics,
        scripted_model: ScriptedModel | None = None,
        run_in_thread: RunInThread = run_at_once,
    ) -> None:
        super().__init__()
        self._run_in_thread = run_in_thread
        self._reactor = reactor
        self._metrics = metrics
        self._scripted_model = scripted_model
        self._port: IListeningPort | None = None
        self.codex_home = find_codex_home(settings.codex, environ)
        self.candidate_homes = candidate_homes(settings.codex, environ)
        self.provider = choose_provider(settings.codex, self.codex_home, bool(settings.upstream), self.candidate_homes)
        self.configured_provider = find_configured_provider(settings.codex, self.codex_home, self.provider)
        self.upstreams = Upstreams(settings.upstream, environ, _read_text, reactor, random.random, time.time, metrics)
        self.upstreams.setServiceParent(self)
        self._image_settings, self._images = settings.images, self._build_images(settings)
        self._children: Children | None = None
        if self.provider != "none":
            self._children = self._build_children(settings, environ)
            self._children.setServiceParent(self)
        self._build_routers(settings)

    def prepare(self, settings: Settings) -> PreparedUpstreams:
        """Build what other settings need, without using it.

        Raises:
            ConfigurationError: when an upstream's key or CA file cannot be used.
        """
        return self.upstreams.prepare(settings.upstream)

    def apply(self, settings: Settings, prepared: PreparedUpstreams) -> None:
        """Use other settings for all further requests; running requests keep their back ends."""
        self.upstreams.apply(prepared)
        if settings.images != self._image_settings:
            # The loader before goes on with what it fetches, and its cache expires.
            self._image_settings, self._images = settings.images, self._build_images(settings)
        if self._children is not None:
            self._children.apply(settings)
        self._build_routers(settings)

    def _build_routers(self, settings: Settings) -> None:
        count = self._metrics.count
        codex = [] if self._children is None else [BackendEntry(CODEX, self._wrap_children(self._children))]
        aliases = {alias.name: alias for alias in settings.models.alias}
        router = ModelRouter([*codex, *self._upstream_entries(settings, self._metrics)], aliases, count)
        self.in_use = Backends(
            backend=CompactingBackend(ToolTextBackend(router, settings.tools, count, self._reactor), count),
            embedder=router,
            forwarder=ForwardingRouter(self._forwarding_entries(settings), aliases),
        )

    def _build_images(self, settings: Settings) -> ImageLoading:
        loader = ImageLoader.from_settings(settings.images, self._reactor, self._metrics)
        loader.setServiceParent(self)
        return ImageLoading(loader=loader, settings=settings.images, clock=self._reactor, metrics=self._metrics)

    def _wrap_children(self, children: Children) -> IModelBackend:
        large = LargeTurnBackend(children.backend, self._run_in_thread, self._metrics.count)
        return InlineImagesBackend(large, children.backend.check, self._images)

    def recycle(self) -> tuple[str, ...]:
        """Replace every Codex process by a new one; return the names of the workers that are replaced."""
        return () if self._children is None else self._children.recycle()

    def hurry(self) -> None:
        """Give the Codex processes little time to exit when they are stopped, or now if they are."""
        if self._children is not None:
            self._children.hurry()

    def drain(self) -> None:
        """Start no turn again: the daemon stops."""
        if self._children is not None:
            self._children.drain()

    def stopService(self) -> "Deferred[None]":
        """Stop the back ends, the scripted model last, because Codex calls it until it has stopped."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(super().stopService)
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)

    def _build_children(self, settings: Settings, environ: Mapping[str, str]) -> Children:
        launch_config = LaunchConfig(
            binary=find_codex_binary(settings.codex),
            home=self.codex_home,
            state=state_directory(environ),
            environ=environ,
            codex=settings.codex,
            provider=self._serve_scripted_model() if self.provider == "scripted" else None,
            provider_environment=() if self.configured_provider is None else self.configured_provider.environment,
        )
        catalog = self._build_provider_catalog(settings, environ)
        return Children(settings, launch_config, self._reactor, random.random, self._metrics, provider=catalog)

    def _build_provider_catalog(self, settings: Settings, environ: Mapping[str, str]) -> ProviderCatalog | None:
        provider = self.configured_provider
        if provider is None:
            return None
        models = ProviderModels(
            provider=provider.id,
            configured=provider.model,
            context_window=provider.context_window,
            keeps_account=has_account(self.codex_home),
        )
        reader = ProviderListReader(provider, environ, self._reactor, time.time)
        return ProviderCatalog(models, reader, settings.models.refresh_seconds, self._reactor)

    def _upstream_entries(self, settings: Settings, metrics: Metrics) -> list[BackendEntry]:
        backends = zip(settings.upstream, self.upstreams.backends, strict=True)
        return [
            BackendEntry(
                upstream.name,
                self._wrap_upstream(upstream, backend, metrics),
                upstream.prefix,
                backend,
            )
            for upstream, backend in backends
        ]

    def _forwarding_entries(self, settings: Settings) -> list[ForwardingEntry]:
        return [
            ForwardingEntry(
                name=upstream.name,
                prefix=upstream.prefix,
                resources=upstream.pass_through,
                models=backend.models,
                forwarder=backend,
            )
            for upstream, backend in zip(settings.upstream, self.upstreams.backends, strict=True)
        ]

    def _wrap_upstream(self, settings: Upstream, upstream: UpstreamBackend, metrics: Metrics) -> IModelBackend:
        backend: IModelBackend = LargeTurnBackend(upstream, self._run_in_thread, metrics.count)
        if settings.images and settings.inline_images:
            backend = InlineImagesBackend(backend, upstream.check, self._images)
        return backend if settings.tools else PromptedToolsBackend(backend, metrics.count, self._reactor)

    def _serve_scripted_model(self) -> str:
        """Serve the scripted model on a free loopback port and return its base URL."""
        site = build_site(self._reactor, self._scripted_model)
        self._port = port = self._reactor.listenTCP(0, site, interface="127.0.0.1")
        return f"http://127.0.0.1:{port.getHost().port}/v1"


def _read_text(path: str) -> str:
    return Path(path).expanduser().read_text(encoding="utf-8")
