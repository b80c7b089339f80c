"""The Twisted service of the back ends: Codex processes, upstreams and the router in front of them."""

import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from twisted.application.service import MultiService
from zope.interface import implementer

from codexd.child.backend import ChildBackend
from codexd.child.children import Children
from codexd.codex_service import CodexDependencies, CodexService
from codexd.configuration.homes import settings_of_home
from codexd.decode_thread import RunInThread, run_at_once
from codexd.images.loader import ImageLoader
from codexd.interfaces import Backends, ILimitedBackend, IModelBackend, IStatus
from codexd.neutral.login_state import LoginState
from codexd.observe.metrics import Metrics
from codexd.policy.codex_homes import serves_alias
from codexd.policy.slot_ledger import SlotLedger
from codexd.policy.status import BackendStatus, WorkerStatus
from codexd.routing.compaction import CompactingBackend
from codexd.routing.forwarding import ForwardingEntry, ForwardingRouter
from codexd.routing.home_router import HomeRouter
from codexd.routing.image_backend import ImageLoading, InlineImagesBackend
from codexd.routing.large_turns import LargeTurnBackend
from codexd.routing.metered_backend import MeteredBackend
from codexd.routing.metered_forwarding import MeteredEmbedder, MeteredForwarder
from codexd.routing.queued_backend import QueuedBackend
from codexd.routing.queued_requests import QueuedRequests
from codexd.routing.router import BackendEntry, ModelRouter
from codexd.routing.tool_backends import PromptedToolsBackend, ToolTextBackend
from codexd.routing.turn_queue import QueueDependencies, TurnsAtOnce
from codexd.scripted.server import ScriptedModel
from codexd.settings import ModelAlias, Settings, Upstream
from codexd.upstream.backend import UpstreamBackend
from codexd.upstream.service import PreparedUpstreams, Upstreams


@implementer(IStatus)
class BackendService(MultiService):
    """Starts and stops all back ends of a daemon.

    Args:
        settings: all settings.
        environ: the source of CODEX_HOME, upstream keys and the variables passed to the Codex processes.
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        metrics: the daemon's metrics.
        scripted_model: is served instead of a new one, when the scripted model is used.
        run_in_thread: runs the preparation of large turns.
        turns_at_once: returns how many turns of a principal may run at once, 0 for no limit; by default the same
            for all (`queue.turns_per_key`).
        files: the files from which the settings were read, which agents must not read.

    Attributes:
        homes: the services of the homes of Codex, in the order of the settings.
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
        turns_at_once: TurnsAtOnce | None = None,
        files: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self._run_in_thread = run_in_thread
        self._reactor = reactor
        self._metrics = metrics
        self._slots = slots = SlotLedger()
        self._queueing = QueueDependencies(
            settings=settings.queue,
            slots=slots,
            turns_at_once=turns_at_once or self._turns_at_once,
            clock=reactor,
            metrics=metrics,
            chance=random.random,
        )
        self._queued: dict[ILimitedBackend, QueuedBackend] = {}
        self.upstreams = Upstreams(
            settings.upstream, environ, _read_text, reactor, random.random, time.time, metrics, slots
        )
        self.upstreams.setServiceParent(self)
        self._image_settings, self._images = settings.images, self._build_images(settings)
        shared = CodexDependencies(
            environ=environ,
            reactor=reactor,
            metrics=metrics,
            slots=slots,
            scripted_model=scripted_model,
            files=files,
        )
        has_others = bool(settings.upstream or settings.further_codex)
        views = [settings_of_home(settings, home) for home in settings.homes]
        self.homes = tuple(CodexService(view, shared, has_others) for view in views)
        for home, view in zip(self.homes, views, strict=True):
            home.build_children(view, self._candidates())
            home.setServiceParent(self)
        if self.homes[0].limits is not None:
            metrics.watch_account(self.homes[0].limits)
        self._build_routers(settings)

    def prepare(self, settings: Settings, files: tuple[str, ...] = ()) -> PreparedUpstreams:
        """Build what other settings need, without using it.

        Args:
            settings: the settings.
            files: the files from which they were read.

        Raises:
            ConfigurationError: when an upstream's key or CA file cannot be used, or agents could read one.
        """
        for home, codex in zip(self.homes, settings.homes, strict=True):
            home.check_reload(settings_of_home(settings, codex), self._candidates(), files)
        return self.upstreams.prepare(settings.upstream)

    def apply(self, settings: Settings, prepared: PreparedUpstreams) -> None:
        """Use other settings for all further requests; running requests keep their back ends."""
        self.upstreams.apply(prepared)
        if settings.images != self._image_settings:
            # The loader before goes on with what it fetches, and its cache expires.
            self._image_settings, self._images = settings.images, self._build_images(settings)
        for home, codex in zip(self.homes, settings.homes, strict=True):
            home.apply(settings_of_home(settings, codex))
        self._queueing.settings = settings.queue
        self._build_routers(settings)
        for queued in self._queued.values():
            queued.apply(settings.queue)
        self._images.queue.apply(settings.queue)
        self._slots.capacity_changed()

    def is_ready(self) -> bool:
        """Return whether a turn that begins now could run."""
        return bool(self.in_use.backend.ready())

    def list_model_names(self) -> list[str]:
        """Return the names of the models on offer."""
        return [card.id for card in self.in_use.backend.models()]

    def _turns_at_once(self, principal: str) -> int:
        return self._queueing.settings.turns_per_key

    def _build_routers(self, settings: Settings) -> None:
        count = self._metrics.count
        known, self._queued = self._queued, {}
        upstreams = zip(settings.upstream, self.upstreams.backends, strict=True)
        queued = [self._queued_upstream(one, backend, known) for one, backend in upstreams]
        codex = {
            home.backend: self._codex_entry(home, home.children, known)
            for home in self.homes
            if home.children is not None
        }
        others = tuple(map(self._upstream_entry, settings.upstream, queued))
        aliases = {alias.name: alias for alias in settings.models.alias}
        router = HomeRouter(
            ModelRouter([*codex.values(), *others], aliases, count, settings.codex.name),
            {
                home: ModelRouter([entry, *others], _aliases_of_home(settings, home), count, home)
                for home, entry in codex.items()
            },
        )
        self.in_use = Backends(
            backend=CompactingBackend(
                ToolTextBackend(MeteredBackend(router), settings.tools, count, self._reactor), count
            ),
            embedder=MeteredEmbedder(router),
            account=self.homes[0].limits,
            forwarder=MeteredForwarder(ForwardingRouter(map(_forwarding_entry, settings.upstream, queued), aliases)),
            models_of=router.models_of,
            accounts=self._list_accounts,
        )

    def _list_accounts(self) -> Mapping[str, LoginState]:
        return {home.backend: home.account for home in self.homes if home.account is not None}

    def _candidates(self) -> tuple[Path, ...]:
        """Return all directories that may contain a login, of every home."""
        return tuple(path for home in self.homes for path in home.candidates)

    def _build_images(self, settings: Settings) -> ImageLoading:
        loader = ImageLoader.from_settings(settings.images, self._reactor, self._metrics)
        loader.setServiceParent(self)
        return ImageLoading(
            loader=loader,
            settings=settings.images,
            clock=self._reactor,
            metrics=self._metrics,
            queue_settings=settings.queue,
        )

    def workers(self) -> tuple[WorkerStatus, ...]:
        """Return the Codex processes (IStatus)."""
        return tuple(worker for home in self.homes if home.children is not None for worker in home.children.workers)

    def backends(self) -> tuple[BackendStatus, ...]:
        """Return the back ends (IStatus)."""
        return (
            *(self._status_of(home, home.children.backend) for home in self.homes if home.children is not None),
            *(backend.status(self._queued[backend].length) for backend in self.upstreams.backends),
        )

    def _status_of(self, home: CodexService, backend: ChildBackend) -> BackendStatus:
        status = backend.status(self._queued[backend].length)
        return evolve(status, account=home.account, lacks_login=home.lacks_login)

    def drain(self) -> None:
        """Refuse the turns that wait for room, and start no turn again: the daemon stops. Running ones go on."""
        for queued in self._queued.values():
            queued.drain()
        self._images.queue.drain()
        for home in self.homes:
            home.drain()

    def recycle(self) -> tuple[str, ...]:
        """Replace every Codex process by a new one; return the names of the workers that are replaced."""
        return tuple(worker for home in self.homes for worker in home.recycle())

    def hurry(self) -> None:
        """Shorten the time that the Codex processes have to exit once they are stopped, also if they already are."""
        for home in self.homes:
            home.hurry()

    def _queued_upstream(
        self, settings: Upstream, upstream: UpstreamBackend, known: Mapping[ILimitedBackend, QueuedBackend]
    ) -> "_QueuedUpstream":
        turns = self._add_queue(settings.name, upstream, known)
        return _QueuedUpstream(upstream, turns, QueuedRequests(upstream, turns.queue(settings.name)))

    def _codex_entry(
        self, home: CodexService, children: Children, known: Mapping[ILimitedBackend, QueuedBackend]
    ) -> BackendEntry:
        queued = self._add_queue(home.backend, children.backend, known)
        return BackendEntry(
            name=home.backend,
            backend=InlineImagesBackend(self._prepare_large(queued), queued.check, self._images),
            prefix=home.prefix,
            must_wait=queued.must_wait,
            is_codex=True,
        )

    def _prepare_large(self, queued: QueuedBackend) -> LargeTurnBackend:
        """Prepare large turns in a thread, before they wait: a turn takes no slot that is not about to run."""
        return LargeTurnBackend(queued, self._run_in_thread, self._metrics.count)

    def _add_queue(
        self, name: str, backend: ILimitedBackend, known: Mapping[ILimitedBackend, QueuedBackend]
    ) -> QueuedBackend:
        """Put a queue in front of a back end: the one that it has, with those that wait, or a new one."""
        self._queued[backend] = queued = known.get(backend) or QueuedBackend(name, backend, self._queueing)
        return queued

    def _upstream_entry(self, settings: Upstream, queued: "_QueuedUpstream") -> BackendEntry:
        backend: IModelBackend = self._prepare_large(queued.turns)
        if settings.images and settings.inline_images:
            backend = InlineImagesBackend(backend, queued.turns.check, self._images)
        if not settings.tools:
            backend = PromptedToolsBackend(backend, self._metrics.count, self._reactor)
        return BackendEntry(
            name=settings.name,
            backend=backend,
            prefix=settings.prefix,
            embedder=queued.requests,
            must_wait=queued.turns.must_wait,
        )


@frozen
class _QueuedUpstream:
    """An upstream with the queue in front of it, for turns and for other requests."""

    upstream: UpstreamBackend
    turns: QueuedBackend
    requests: QueuedRequests


def _forwarding_entry(settings: Upstream, queued: _QueuedUpstream) -> ForwardingEntry:
    return ForwardingEntry(
        name=settings.name,
        prefix=settings.prefix,
        resources=settings.pass_through,
        models=queued.upstream.models,
        forwarder=queued.requests,
    )


def _aliases_of_home(settings: Settings, home: str) -> dict[str, ModelAlias]:
    """Return the aliases that the keys of a home see: its own, and those of upstreams."""
    first = settings.codex.name
    aliases = settings.models.alias
    return {one.name: one for one in aliases if one.upstream is not None or serves_alias(home, first, one)}


def _read_text(path: str) -> str:
    return Path(path).expanduser().read_text(encoding="utf-8")
