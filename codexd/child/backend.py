"""The app-server back end: where a turn goes, and what is kept between turns."""

from collections.abc import Mapping
from typing import Final

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from codexd.backs import estimate
from codexd.backs.profile import Profile
from codexd.backs.thread import Thread
from codexd.child.keeping import Keeping
from codexd.child.pool import Pool
from codexd.child.run import Run
from codexd.child.session import Session
from codexd.child.worker import Worker
from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle, ModelCard
from codexd.neutral.fault import Refused, fault
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.policy.affinity import Keys, keys, results
from codexd.policy.catalog import Catalog, Route
from codexd.policy.truncation import shortened
from codexd.settings import Model, Settings

_NO_ALIAS: Final = Model("")
"""How a model is set up that is asked for by its own name."""


@implementer(IModelBackend)
class AppServer:
    """Answers turns with supervised Codex app-servers.

    Args:
        pools: the children by profile, `plain` and, if an alias wants it, `agent`.
        workspace: an empty directory for plain threads to be in.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        pools: dict[str, Pool],
        workspace: str,
        clock: IReactorTime,
        metrics: Metrics,
    ) -> None:
        self.catalog = Catalog(aliases=settings.models.alias, any=settings.models.any)
        self._aliases: dict[str | None, Model] = {alias.name: alias for alias in settings.models.alias}
        self._settings = settings
        self._pools = pools
        self._workspace = workspace
        self._clock = clock
        self._metrics = metrics
        self._keeping = Keeping(settings.turns, clock, metrics)
        self._warned: set[str] = set()
        workers = [worker for pool in pools.values() for worker in pool.workers]
        metrics.watch("children_up", lambda: sum(worker.ready for worker in workers))
        metrics.watch("turns_running", lambda: sum(worker.running for worker in workers))

    # IModelBackend

    def begin(self, turn: Turn, sink: IEventSink) -> ITurnHandle:
        """Start an answer (IModelBackend)."""
        if not self.ready():
            raise Refused(fault("not_ready"))
        route = self.catalog.resolve(turn.model)
        turn = self._cut(_routed(turn, route))
        alias = self._aliases.get(route.alias, _NO_ALIAS)
        key = keys(turn, alias.name)
        return self._go_on(turn, key, sink) or self._open(turn, alias, key, sink)

    def models(self) -> tuple[ModelCard, ...]:
        """List what is on offer (IModelBackend)."""
        return self.catalog.cards

    def ready(self) -> bool:
        """Tell whether a turn begun now could run (IModelBackend)."""
        return any(pool.ready for pool in self._pools.values())

    # The children's news.

    def learn(self, windows: Mapping[str, int]) -> None:
        """Take in the models' context windows, in tokens, by name."""
        self._keeping.learn(windows)

    def changed(self, worker: Worker) -> None:
        """A child came up or went down."""
        for pool in self._pools.values():
            pool.changed()
        if worker.greeting is None:
            self._keeping.lose(worker)
        elif worker in self._pools["plain"].workers:
            self.catalog = evolve(self.catalog, offers=worker.greeting.offers)

    def sweep(self) -> None:
        """Look at the clock for everything that waits."""
        for pool in self._pools.values():
            pool.sweep(self._settings.turns)
        self._keeping.sweep()

    def relieve(self) -> None:
        """Free what memory can be freed in the children."""
        self._keeping.relieve()

    async def refresh(self) -> None:
        """Read the account's models again."""
        worker = next((worker for worker in self._pools["plain"].workers if worker.ready), None)
        if worker is not None:
            self.catalog = evolve(self.catalog, offers=await worker.refresh())

    # For sessions (codexd.child.session.Keeper).

    def answered(self, session: Session, run: Run) -> bool:
        """An answer has ended: keep its thread, or not."""
        self._warn_of(session.thread.sources)
        return self._keeping.keep(session, run)

    def count(self, name: str) -> None:
        """Count something for the metrics."""
        self._metrics.count(name)

    # Where a turn goes.

    def _go_on(self, turn: Turn, key: Keys, sink: IEventSink) -> Run | None:
        found = self._keeping.find(turn, key)
        if found is None:
            return None
        session, rest = found
        run = Run(turn, key, sink, session, self._clock)
        answers = results(rest)
        try:
            if session.thread.state == "suspended" and answers is not None:
                session.resume(turn, answers, run)
            else:
                session.extend(turn, rest, run)
        except Refused:
            session.close()
            raise
        return run

    def _open(self, turn: Turn, alias: Model, key: Keys, sink: IEventSink) -> Run:
        worker = self._pools[alias.profile].choose()
        thread = Thread(self._profile(alias, worker), self._keeping.window(turn.model))
        session = Session(thread, worker, self, self._clock)
        run = Run(turn, key, sink, session, self._clock)
        session.open(turn, run)
        worker.adopt(session)
        return run

    def _cut(self, turn: Turn) -> Turn:
        """Leave out the beginning of a history that is too long, if the client wants that."""
        short = shortened(turn, self._keeping.room, estimate.item)
        if short is not turn:
            self._metrics.count("turn_truncated")
        return short

    def _profile(self, alias: Model, worker: Worker) -> Profile:
        if alias.profile == "agent":
            assert alias.workspace is not None
            return Profile(True, alias.workspace, alias.sandbox)
        told = worker.greeting
        if told is None:
            return Profile(False, self._workspace)
        return Profile(
            False, self._workspace, mcp_servers=told.mcp_servers, home_verbosity=told.home_verbosity
        )

    def _warn_of(self, sources: tuple[str, ...]) -> None:
        for source in sources:
            if source not in self._warned and len(self._warned) < 16:
                self._warned.add(source)
                self._log.warn("Codex shows the model {source}, which no client asked for", source=source)


def _routed(turn: Turn, route: Route) -> Turn:
    """Put in what the name meant; what the request says itself wins over the name's effort."""
    effort = turn.thinking.effort or route.effort
    return evolve(turn, model=route.model, thinking=evolve(turn.thinking, effort=effort))
