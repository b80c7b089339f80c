"""Back end over child processes: chooses a child and a new or idle thread for each turn."""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from codexd.child.active_turn import ActiveTurn
from codexd.child.idle_threads import IdleThreads
from codexd.child.pool import Pool
from codexd.child.protocol import ThreadSetup, ThreadTranslator
from codexd.child.provider_catalog import ProviderCatalog
from codexd.child.provider_circuit import ProviderCircuit
from codexd.child.retried_turn import RetriedTurn
from codexd.child.session import Session
from codexd.child.worker import Worker
from codexd.context import RequestContext
from codexd.empty_turn import EmptyTurn
from codexd.interfaces import IEventSink, ILimitedBackend, ITurnHandle, ModelCard, SlotState
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.records import frozen
from codexd.neutral.turn import Item, JsonText, Turn
from codexd.observe.metrics import Metrics
from codexd.policy import estimate, turn_retry
from codexd.policy.account_limits import AccountState
from codexd.policy.affinity import TurnFingerprints, as_tool_results, fingerprint_turn
from codexd.policy.catalog import AccountModel, ModelCatalog, ResolvedModel
from codexd.policy.crash_quarantine import CrashQuarantine
from codexd.policy.retry import RetryPolicy
from codexd.policy.shared_breaker import SharedPermit
from codexd.policy.slot_ledger import SlotLedger
from codexd.policy.status import BackendStatus
from codexd.policy.truncation import truncate
from codexd.policy.turn_retry import Failure, TurnRetryPolicy
from codexd.settings import ModelAlias, Settings, Turns

_NO_ALIAS: Final = ModelAlias(name="")
"""Settings of a model that is requested by its own name."""

_QUARANTINED: Final = (
    "Circuit open: the model process ended several times during requests of this API key, so none are run for a while."
)

_MAX_WARNINGS: Final = 16
"""AGENTS.md files that are warned of at most."""


@frozen
class PreparedChildTurn:
    """A turn as the child gets it, with its alias and its fingerprints; an empty turn has none."""

    turn: Turn
    alias: ModelAlias
    keys: TurnFingerprints | None = None
    is_truncated: bool = False


@implementer(ILimitedBackend)
class ChildBackend:
    """Runs turns on supervised child processes of any `ChildProtocol`.

    Args:
        settings: the whole settings tree.
        pools: the children by profile: `plain` and, if an alias needs it, `agent`.
        workspace: an empty directory, the working directory of plain threads.
        clock: for deadlines.
        metrics: counters and gauges.
        provider: the models of the provider that Codex's configuration selects, if it is not OpenAI.
        random: returns a number from 0 to 1, for the jitter of retries.
        slots: records which turns run.
        account: explains failures by the limits of the account.
        turn_failed: called with the kind of each failure of a provider.
        redact: returns a fault without the key of the provider.

    Attributes:
        name: the name of the back end.
        catalog: the models and aliases on offer.
        waiting: the turns that wait for their next attempt.
        draining: no turn is started again, as the daemon stops.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        pools: dict[str, Pool],
        workspace: str,
        clock: IReactorTime,
        metrics: Metrics,
        provider: ProviderCatalog | None = None,
        random: Callable[[], float] = lambda: 0.0,
        slots: SlotLedger | None = None,
        account: AccountState | None = None,
        turn_failed: Callable[[str], object] = lambda _: None,
        redact: Callable[[Fault], Fault] = lambda failed: failed,
    ) -> None:
        self._account = account
        self._turn_failed = turn_failed
        self._redact = redact
        self._slots = slots or SlotLedger()
        self._provider = provider
        self.name = settings.codex.name
        self._child_models: tuple[AccountModel, ...] = ()
        self.catalog = ModelCatalog(
            aliases=settings.models.alias,
            passes_unlisted=settings.models.pass_unlisted,
            prefix=settings.codex.prefix,
        )
        self._aliases: dict[str | None, ModelAlias] = {alias.name: alias for alias in settings.models.alias}
        self._settings = settings
        self._pools = pools
        self._workspace = workspace
        self._clock = clock
        self._metrics = metrics
        self._idle_threads = IdleThreads(settings.turns, clock, metrics, self.name)
        self._warned: set[str] = set()
        self._random = random
        self._retries = _build_retry_policy(settings.turns)
        self.draining = False
        self.waiting: set[RetriedTurn] = set()
        self._circuit = ProviderCircuit(
            settings.codex, clock, metrics, self._provider_address(), has_probe=provider is not None
        )
        self._quarantine = CrashQuarantine()
        metrics.watch_home(
            self.name, "children_up", lambda: sum(worker.ready for pool in pools.values() for worker in pool.workers)
        )
        metrics.watch_home(self.name, "turns_running", lambda: self.running)

    def _provider_address(self) -> str:
        if self._provider is not None:
            return self._provider.models.address
        return "the scripted model" if self._account is None else "OpenAI"

    @property
    def running(self) -> int:
        """The number of running turns."""
        return sum(worker.running_turns for pool in self._pools.values() for worker in pool.all_workers)

    def status(self, queued: int) -> BackendStatus:
        """Return its state.

        Args:
            queued: how many requests wait until it has room.
        """
        return BackendStatus(
            name=self.name,
            is_ready=self.ready(),
            models=len(self.models()),
            running=self.running,
            queued=queued,
            circuit_is_open=self._circuit.is_open,
            suspended=self._idle_threads.suspended,
            own_circuits=self._circuit.own_open,
        )

    # IModelBackend

    def begin(self, turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a turn (IModelBackend)."""
        context.record.set_backend(self.name)
        if not self._has_child() and not self._is_restarting():
            raise FaultError(fault("not_ready"))
        return self.begin_prepared(turn, context, sink, self.prepare(turn))

    def prepare(self, turn: Turn) -> "PreparedChildTurn":
        """Truncate a turn and compute its fingerprints; pure, as it may run in a thread.

        Raises:
            FaultError: `unknown_model`.
        """
        route = self.catalog.resolve(turn.model)
        alias = self._aliases.get(route.alias, _NO_ALIAS)
        if EmptyTurn.is_needed(turn):
            return PreparedChildTurn(turn, alias)
        asked = _apply_route(turn, route)
        turn = truncate(asked, self._idle_threads.history_budget, estimate.item_tokens)
        return PreparedChildTurn(turn, alias, fingerprint_turn(turn, alias.name), turn is not asked)

    def begin_prepared(
        self, turn: Turn, context: RequestContext, sink: IEventSink, prepared: "PreparedChildTurn"
    ) -> ITurnHandle:
        """Start a turn whose fingerprints are known; raises FaultError as `begin`."""
        context.record.set_backend(self.name)
        if not self._has_child() and not self._is_restarting():
            raise FaultError(fault("not_ready"))
        if prepared.keys is None:
            return EmptyTurn(prepared.turn, sink, self._clock)
        if prepared.is_truncated:
            self._metrics.count("turn_truncated")
        return RetriedTurn(
            host=self,
            turn=prepared.turn,
            keys=prepared.keys,
            alias=prepared.alias,
            context=context,
            sink=sink,
            clock=self._clock,
        ).begin()

    # ILimitedBackend

    def slot_group(self, turn: Turn) -> str:
        """Return the profile of the children that can run a turn (ILimitedBackend)."""
        if len(self._pools) == 1:
            return _NO_ALIAS.profile
        try:
            route = self.catalog.resolve(turn.model)
        except FaultError:  # which `begin` raises, too
            return _NO_ALIAS.profile
        return self._aliases.get(route.alias, _NO_ALIAS).profile

    def slot_state(self, group: str) -> SlotState:
        """Return whether the children of a profile can run one more turn (ILimitedBackend).

        A turn that waits for its next attempt keeps its slot: those that came later would take it again and again.
        """
        pool = self._pools[group]
        if self.waiting and pool.slot_state == "free":
            kept = sum(turn.alias.profile == group for turn in self.waiting)
            return "free" if pool.free_slots > kept else "full"
        return pool.slot_state

    def continues(self, turn: Turn) -> bool:
        """Return whether a suspended turn waits for this one's results (ILimitedBackend)."""
        try:
            prepared = self.prepare(turn)
        except FaultError:
            return False
        return prepared.keys is not None and self._idle_threads.has_suspended(prepared.turn, prepared.keys)

    def check(self, turn: Turn) -> None:
        """Refuse a turn that `begin` would refuse whatever its history and the load are (ILimitedBackend)."""
        if not self._has_child() and not self._is_restarting():
            raise FaultError(fault("not_ready"))
        self.catalog.resolve(turn.model)

    def models(self) -> tuple[ModelCard, ...]:
        """List the models on offer (IModelBackend)."""
        return self.catalog.cards

    def ready(self) -> bool:
        """Return whether a child is up and the model's provider is not known to be down (IModelBackend)."""
        return self._has_child() and not self._circuit.is_open

    def _has_child(self) -> bool:
        return any(pool.ready for pool in self._pools.values())

    def _is_restarting(self) -> bool:
        """Return whether turns wait for a child that is being replaced."""
        return self._retries.backoff.limit > 0 and any(pool.restarting for pool in self._pools.values())

    # For the service (codexd.child.children).

    def add_windows(self, windows: Mapping[str, int]) -> None:
        """Add the models' context windows, in tokens, by name."""
        self._idle_threads.add_windows(windows)

    def add_descriptions(self, descriptions: Mapping[str, JsonText], template: JsonText) -> None:
        """Add the entries of Codex's own model catalog, by the models' names, and the one to describe others from."""
        self.catalog = evolve(self.catalog, descriptions=descriptions, template=template)

    def worker_changed(self, worker: Worker) -> None:
        """Update the catalog or drop idle threads: a child came up or exited."""
        for pool in self._pools.values():
            pool.worker_changed()
        if worker.server_info is None:
            self._idle_threads.drop_host(worker)
            self._note_crash(worker)
            return
        self._slots.capacity_changed()
        if worker in self._pools["plain"].workers:
            self._offer(worker.server_info.models)

    def apply(self, settings: Settings) -> None:
        """Use other aliases and limits. Running turns keep their alias."""
        aliases, models = settings.models.alias, settings.models
        self._settings = settings
        self._aliases = {alias.name: alias for alias in aliases}
        self.catalog = evolve(self.catalog, aliases=aliases, passes_unlisted=models.pass_unlisted)
        self._idle_threads.apply(settings.turns)
        self._retries = _build_retry_policy(settings.turns)
        self._circuit.apply(settings.codex)

    def _note_crash(self, worker: Worker) -> None:
        """Keep a principal away for some time whose turns end child after child."""
        if not worker.supervisor.running:
            return
        if self._quarantine.child_ended(worker.lost_principals, self._clock.seconds()):
            self._metrics.count("crash_quarantined")
            self._log.warn(
                "Requests of principal {principal} are refused for a while: Codex processes ended during its turns",
                event="principal_quarantined",
                principal=next(iter(worker.lost_principals)),
            )

    def drain(self) -> None:
        """Start no turn again: the daemon stops."""
        self.draining = True
        for turn in tuple(self.waiting):
            turn.give_up()

    @property
    def has_outage(self) -> bool:
        """Whether requests are refused as Codex cannot connect to the model's provider."""
        return self._circuit.has_outage

    def provider_reached(self) -> None:
        """End an outage: the configured provider has answered."""
        self._circuit.close_outage()

    def sweep(self) -> None:
        """Apply all deadlines; to be called every second."""
        for pool in self._pools.values():
            pool.sweep(self._settings.turns)
        self._idle_threads.close_expired()

    def hand_over(self, worker: Worker) -> None:
        """Close the idle threads and suspended turns of a worker; their histories are replayed on another one.

        Its successor has taken its place, so that there is room for turns that wait.
        """
        self._idle_threads.close_host(worker)
        self._slots.capacity_changed()

    def free_memory(self) -> None:
        """Unload idle threads, to free memory in the children."""
        self._idle_threads.close_idle()

    async def refresh_models(self) -> None:
        """Read the account's models again (raises FaultError, ValueError)."""
        worker = next((worker for worker in self._pools["plain"].workers if worker.ready), None)
        if worker is not None:
            self._offer(await worker.list_models())

    def provider_changed(self) -> None:
        """Offer the models that the configured provider now lists."""
        self._offer(self._child_models)

    def _offer(self, child_models: tuple[AccountModel, ...]) -> None:
        """Offer the models that a child lists, or those of the configured provider."""
        self._child_models = models = child_models
        if self._provider is not None:
            models = self._provider.models.offer(child_models)
            self.add_windows(self._provider.models.windows)
        self.catalog = evolve(self.catalog, models=models)

    # For sessions (codexd.child.session.SessionOwner).

    def turn_started(self, turn: ActiveTurn) -> None:
        """Record that a turn runs."""
        self._slots.take(turn.context.principal)

    def turn_stopped(self, turn: ActiveTurn) -> None:
        """Record that a turn runs no longer."""
        self._slots.release(self.name, turn.context.principal)

    def turn_ended(self, session: Session, turn: ActiveTurn) -> bool:
        """Keep the thread of a turn that has ended, if it can be continued."""
        self._warn_of_files(session.translator.added_files, turn.context)
        return not session.host.retiring and self._idle_threads.add(session, turn)

    def count(self, name: str) -> None:
        """Increment a metrics counter."""
        self._metrics.count(name)

    # For turns (codexd.child.retried_turn.AttemptHost).

    def slot_given_up(self) -> None:
        """Let others use the slot that a turn kept while it waited for its next attempt."""
        self._slots.capacity_changed()

    def acquire_permit(self, principal: str) -> SharedPermit:
        """Return the permit for a request to the model's provider.

        Raises:
            FaultError: `circuit_open`.
        """
        wait_seconds = self._quarantine.remaining_seconds(principal, self._clock.seconds())
        if wait_seconds > 0:
            raise FaultError(fault("circuit_open", _QUARANTINED, retry_after_seconds=wait_seconds))
        return self._circuit.acquire(principal)

    def return_permit(self, permit: SharedPermit, kind: str | None, reason: str = "") -> None:
        """Return a permit with the outcome of the request."""
        if kind is None:
            self._quarantine.succeeded(permit.principal)
        else:
            self._turn_failed(kind)
        self._circuit.release(permit, kind, reason)

    def explain(self, failed: Fault) -> Fault:
        """Return the fault of a turn without keys, with the time at which a limit resets, if that is the cause."""
        failed = self._redact(failed)
        return failed if self._account is None else self._account.explain(failed)

    def delay_seconds(self, turn: RetriedTurn, failed: Fault) -> float | None:
        """Return the delay before the next attempt of a turn; None if there is none."""
        if self.draining:
            return None
        failure = Failure(
            fault=failed,
            child_restarts=self._pools[turn.alias.profile].restarting,
            ran_tools=turn.alias.profile == "agent",
        )
        now, deadline = self._clock.seconds(), turn.context.deadline
        return turn_retry.delay_seconds(self._retries, turn.attempts, failure, now, deadline, self._random())

    def start_attempt(self, retried: RetriedTurn) -> ActiveTurn:
        """Start a turn on a thread that it continues, or on a new one with the whole history.

        Raises:
            FaultError: `not_ready`, `busy`, or the child has no form for a part of the history.
        """
        turn, alias = retried.turn, retried.alias
        if not self._pools[alias.profile].ready:
            raise FaultError(fault("not_ready"))
        if self._pools[alias.profile].slot_state == "full":
            found = self._idle_threads.take_suspended(turn, retried.keys)
        else:
            found = self._idle_threads.take(turn, retried.keys)
        if found is None:
            return self._open_thread(retried)
        session, rest = found
        return _continue_thread(session, self._make_active(retried, session), rest)

    def _make_active(self, retried: RetriedTurn, session: Session) -> ActiveTurn:
        return ActiveTurn(retried.turn, retried.context, retried.keys, retried.sink, session, self._clock, retried)

    # Choice of a thread.

    def _open_thread(self, retried: RetriedTurn) -> ActiveTurn:
        alias = retried.alias
        worker = self._pools[alias.profile].choose_worker()
        session = Session(self._make_translator(retried.turn, alias, worker), worker, self, self._clock)
        active = self._make_active(retried, session)
        session.open(active)
        worker.add_session(session)
        return active

    def _make_translator(self, turn: Turn, alias: ModelAlias, worker: Worker) -> ThreadTranslator:
        assert worker.server_info is not None
        agent = alias.profile == "agent"
        workspace = alias.workspace if agent else self._workspace
        assert workspace is not None
        return worker.protocol.translator(
            ThreadSetup(
                agent=agent,
                workspace=workspace,
                sandbox=alias.sandbox if agent else None,
                window_tokens=self._idle_threads.context_window(turn.model),
                server_info=worker.server_info,
            )
        )

    def _warn_of_files(self, files: tuple[str, ...], context: RequestContext) -> None:
        for file in files:
            if file not in self._warned and len(self._warned) < _MAX_WARNINGS:
                self._warned.add(file)
                self._log.warn(
                    "Request {id}: Codex adds the file {file} to the model's prompt, which no client asked for",
                    event="prompt_file_added",
                    id=context.id,
                    file=file,
                )


def _build_retry_policy(turns: Turns) -> TurnRetryPolicy:
    return TurnRetryPolicy(
        backoff=RetryPolicy(limit=turns.retries, initial_seconds=turns.retry_initial_seconds),
        total_seconds=turns.retry_total_seconds,
    )


def _continue_thread(session: Session, turn: ActiveTurn, rest: tuple[Item, ...]) -> ActiveTurn:
    """Start a turn on an idle or suspended thread, with the items that the thread has not seen."""
    results = as_tool_results(rest)
    try:
        if session.translator.state == "suspended" and results is not None:
            session.submit_results(turn, results)
        else:
            session.extend(turn, rest)
    except FaultError:
        session.close()
        raise
    return turn


def _apply_route(turn: Turn, route: ResolvedModel) -> Turn:
    """Set the model and effort that the requested name stands for; the request's own effort wins."""
    effort = turn.reasoning.effort or route.effort
    return evolve(turn, model=route.model, reasoning=evolve(turn.reasoning, effort=effort))
