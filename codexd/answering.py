"""Who answers: Codex's children, the upstreams, and what stands between them and the front."""

import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort

from codexd import home
from codexd.child.children import Children
from codexd.child.launch import Launch
from codexd.interfaces import IEmbedder, IModelBackend
from codexd.observe.metrics import Metrics
from codexd.policy.routing import CODEX
from codexd.routing.joints import Jointed, Worded
from codexd.routing.switchboard import Line, Switchboard
from codexd.scripted.server import ScriptedModel, scripted_site
from codexd.settings import Settings
from codexd.upstream.service import Upstreams


class Answering(MultiService):
    """All back ends of a daemon.

    Args:
        environ: where CODEX_HOME, keys and what the children may see come from.
        reactor: provides IReactorTCP, IReactorTime and IReactorProcess.
        model: the scripted model to answer with, if it does.

    Attributes:
        serving: whose models Codex answers with; `none` if there is no Codex.
        home: CODEX_HOME.
        upstreams: the servers beside Codex.
        backend: answers turns.
        embedder: gives embeddings.

    Raises:
        Misconfigured: when Codex, its home, or an upstream's key or authorities cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        reactor: Any,
        metrics: Metrics,
        model: ScriptedModel | None = None,
    ) -> None:
        super().__init__()
        self._reactor = reactor
        self._model = model
        self._port: IListeningPort | None = None
        self.home = home.codex_home(settings.codex, environ)
        self.serving = home.serving(settings.codex, self.home, elsewhere=bool(settings.upstream))
        self.upstreams = Upstreams(
            settings.upstream, environ, _text, reactor, random.random, time.time, metrics
        )
        self.upstreams.setServiceParent(self)
        codex = [] if self.serving == "none" else [Line(CODEX, self._codex(settings, environ, metrics))]
        aliases = {alias.name: alias for alias in settings.models.alias}
        board = Switchboard([*codex, *self._lines(settings, metrics)], aliases, metrics.count)
        self.embedder: IEmbedder = board
        self.backend: IModelBackend = Jointed(board, settings.tools, metrics.count)

    def stopService(self) -> "Deferred[None]":
        """Stop everything; the scripted model last, as children ask it to their end."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await maybeDeferred(super().stopService)
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)

    def _codex(self, settings: Settings, environ: Mapping[str, str], metrics: Metrics) -> IModelBackend:
        how = Launch(
            binary=home.binary(settings.codex),
            home=self.home,
            state=home.own_home(environ).parent,
            environ=environ,
            codex=settings.codex,
            provider=self._provide() if self.serving == "scripted" else None,
        )
        children = Children(settings, how, self._reactor, random.random, metrics)
        children.setServiceParent(self)
        return children.backend

    def _lines(self, settings: Settings, metrics: Metrics) -> list[Line]:
        backends = zip(settings.upstream, self.upstreams.backends, strict=True)
        return [
            Line(one.name, backend if one.tools else Worded(backend, metrics.count), one.prefix, backend)
            for one, backend in backends
        ]

    def _provide(self) -> str:
        """Start the scripted model on a free port of the loopback; give its base URL."""
        site = scripted_site(self._reactor, self._model)
        self._port = port = self._reactor.listenTCP(0, site, interface="127.0.0.1")
        return f"http://127.0.0.1:{port.getHost().port}/v1"


def _text(path: str) -> str:
    return Path(path).expanduser().read_text(encoding="utf-8")
