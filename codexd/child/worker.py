"""One supervised child, its JSON-RPC connection, and the sessions of the threads on it."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.child.active_turn import ActiveTurn
from codexd.child.handshake import run_exchange
from codexd.child.peer import CallOutcome, Incoming, Peer
from codexd.child.process import ChildProcess
from codexd.child.protocol import ChildProtocol, SendResult, ServerInfo
from codexd.child.session import Session
from codexd.child.stderr_log import StderrLog
from codexd.child.supervisor import Supervisor
from codexd.neutral.fault import fault
from codexd.observe.log import format_failure
from codexd.observe.metrics import Metrics
from codexd.policy.account_limits import PLAN_ACCOUNT, AccountLimits, AccountState
from codexd.policy.catalog import AccountModel
from codexd.policy.liveness import Liveness, Observation
from codexd.policy.restart import Supervision
from codexd.policy.status import WorkerStatus
from codexd.settings import Codex, Turns
from codexd.wire import jsonrpc


class Worker:
    """A supervised child and its sessions; sessions see it as their `ThreadHost`.

    Args:
        name: for log lines.
        spawn: starts a process with the given process protocol.
        protocol: the protocol that the child speaks.
        clock: for timers.
        supervision: the restart settings.
        random: returns a number from 0 to 1.
        codex: the settings of the child.
        metrics: counters and gauges.
        on_change: called with this worker when its child came up or exited.
        on_limits: called with the limits of the account when the child reports them.

    Attributes:
        protocol: the protocol that the child speaks.
        peer: the JSON-RPC connection; a new one for each child.
        server_info: result of the handshake; None unless the child is up.
        running_turns: the number of active turns.
        turns: how many turns the child has begun.
        retiring: it is being recycled: its threads are not continued.
        lost_principals: whose turns were active when its last child was lost.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        name: str,
        spawn: Callable[[ChildProcess], None],
        protocol: ChildProtocol,
        clock: IReactorTime,
        supervision: Supervision,
        random: Callable[[], float],
        codex: Codex,
        metrics: Metrics,
        on_change: Callable[["Worker"], None],
        on_limits: Callable[[AccountLimits], object] = lambda _: None,
    ) -> None:
        self.name = name
        self.protocol = protocol
        self._route = protocol.route
        self._known_notifications = protocol.known_notifications
        self.server_info: ServerInfo | None = None
        self._clock = clock
        self._codex = codex
        self._metrics = metrics
        self._on_change = on_change
        self._on_limits = on_limits
        self._child = ChildProcess()
        self.peer = self._make_peer(self._child)
        self._stderr_log = StderrLog(name, codex.log_stderr)
        self.running_turns = self.turns = 0
        self.retiring = False
        self.lost_principals: frozenset[str] = frozenset()
        # Ordered sets: what happens to several sessions at once happens to the oldest first.
        self._sessions: dict[Session, None] = {}
        self._sessions_by_thread: dict[str, Session] = {}
        self._unsettled: dict[ActiveTurn, None] = {}
        self._liveness = Liveness(codex.hang_seconds, clock.seconds())
        self._heard = False
        self._hung = False
        self._hangs = 0
        self._was_up = False
        self.supervisor = Supervisor(
            spawn=spawn,
            handshake=self._begin_handshake,
            clock=clock,
            supervision=supervision,
            random=random,
            on_up=self._child_up,
            on_lost=self._child_lost,
        )

    # For the pool.

    @property
    def ready(self) -> bool:
        """Whether the child is up."""
        return self.server_info is not None

    @property
    def full(self) -> bool:
        """Whether it runs as many turns as it may (`codex.turns_per_worker`)."""
        return self.running_turns >= self._codex.turns_per_worker

    @property
    def free_slots(self) -> int:
        """How many more turns it may run now."""
        return max(self._codex.turns_per_worker - self.running_turns, 0)

    @property
    def up_seconds(self) -> float:
        """How long the child has been up; 0 if it is not."""
        return self.supervisor.up_seconds

    def status(self, resident_bytes: int) -> WorkerStatus:
        """Return its state.

        Args:
            resident_bytes: the memory of its process; 0 if it is not known.
        """
        return WorkerStatus(
            name=self.name,
            state=self.supervisor.state,
            pid=self.supervisor.pid,
            up_seconds=self.up_seconds,
            running_turns=self.running_turns,
            turns=self.turns,
            restarts=self.supervisor.restarts,
            hangs=self._hangs,
            next_start_seconds=self.supervisor.next_start_seconds,
            resident_bytes=resident_bytes,
            last_exit=self.supervisor.last_exit,
        )

    def retire(self) -> None:
        """Unload every thread once its turn has ended: the worker is being recycled."""
        self.retiring = True

    def apply(self, codex: Codex) -> None:
        """Use other limits."""
        self._codex = codex
        self._liveness.hang_seconds = codex.hang_seconds

    @property
    def restarting(self) -> bool:
        """Whether a child that was up is being replaced."""
        return self._was_up and self.supervisor.state in ("Starting", "Killing", "BackingOff")

    @property
    def suspected(self) -> bool:
        """Whether its child is late to answer a ping."""
        return self._liveness.suspected

    def add_session(self, session: Session) -> None:
        """Add a new session. From now on stderr may contain prompts."""
        self._stderr_log.redact()
        self._sessions[session] = None

    def sweep(self, limits: Turns) -> None:
        """Apply the deadlines of its turns and calls, and kill a child that does not respond."""
        if self.ready and self._is_held():
            # Answers that came while the daemon was held are read before their deadlines count.
            self._clock.callLater(0, self._apply_deadlines, limits)
        else:
            self._apply_deadlines(limits)

    def _apply_deadlines(self, limits: Turns) -> None:
        self.peer.sweep()
        for session in tuple(self._sessions):
            session.check_deadlines(limits, self._codex.unreachable_seconds)
        self._settle()

    def _is_held(self) -> bool:
        """Check that the child responds; return whether the daemon was held before this sweep."""
        heard, self._heard = self._heard, False
        seen = Observation(heard=heard, paused=self._child.paused, oldest_call_at=self.peer.oldest_call_at)
        verdict = self._liveness.check(self._clock.seconds(), seen)
        if verdict == "ping":
            self.peer.send_request(self.protocol.ping(), self._ping_ended)
        elif verdict == "hung":
            self._metrics.count("child_hung")
            self._log.warn("{worker} does not respond and is replaced", event="child_hung", worker=self.name)
            self._hung = True
            self.supervisor.child_hung("it did not respond")
        return self._liveness.held

    def _ping_ended(self, outcome: CallOutcome) -> None:
        if outcome is not None:
            self._liveness.answered()

    async def list_models(self) -> tuple[AccountModel, ...]:
        """Read the account's models (raises as `run_exchange`)."""
        return await run_exchange(self.peer, self.protocol.list_models())

    async def read_account(self, state: AccountState) -> None:
        """Read the kind of the account, and if it has a plan, its limits and what it has used.

        Raises:
            FaultError: when the child or the account's provider does not answer.
            ValueError: as `run_exchange`.
        """
        state.kind = await run_exchange(self.peer, self.protocol.read_account_kind())
        if state.kind == PLAN_ACCOUNT:
            state.update(await run_exchange(self.peer, self.protocol.read_limits()))
            state.tokens = await run_exchange(self.peer, self.protocol.read_tokens())

    # For sessions (codexd.child.session.ThreadHost).

    def register_thread(self, session: Session) -> None:
        """Route the messages of the session's thread to it."""
        thread_id = session.translator.thread_id
        if thread_id is not None and session in self._sessions:
            self._sessions_by_thread[thread_id] = session

    def schedule_settle(self, turn: ActiveTurn) -> None:
        """Call the turn's `settle` once the current chunk of input is processed."""
        self._unsettled[turn] = None

    def remove_session(self, session: Session) -> None:
        """Forget a session whose thread is closed."""
        self._sessions.pop(session, None)
        thread_id = session.translator.thread_id
        if thread_id is not None:
            self._sessions_by_thread.pop(thread_id, None)

    def pause(self, holder: object) -> None:
        """Stop reading from the child until the holder calls `resume`."""
        self._child.pause(holder)

    def resume(self, holder: object) -> None:
        """Undo the holder's `pause`."""
        self._child.resume(holder)

    # For the child.

    def _make_peer(self, child: ChildProcess) -> Peer:
        return Peer(
            child.write,
            self.protocol.encode_call,
            self._dispatch,
            self._clock,
            self._codex.call_seconds,
            self._metrics,
        )

    def _begin_handshake(self, child: ChildProcess) -> "Deferred[object]":
        self._metrics.count("child_started")
        self._log.info("{worker} starts (process {pid})", event="child_started", worker=self.name, pid=child.pid)
        self.turns = 0
        self._child = child
        self.peer = self._make_peer(child)
        self._stderr_log = StderrLog(self.name, self._codex.log_stderr)
        child.on_stdout = self._receive
        child.on_stderr_line = self._stderr_log.write_line
        self._liveness = liveness = Liveness(self._codex.hang_seconds, self._clock.seconds())
        child.on_pipe_closed = lambda: liveness.pipe_closed(self._clock.seconds())
        self._hung = False
        return Deferred.fromCoroutine(self._perform_handshake()).addErrback(self._handshake_failed)

    def _handshake_failed(self, failure: Failure) -> Failure:
        if self.supervisor.running:
            self._stderr_log.report_failed_start()
        return failure

    async def _perform_handshake(self) -> object:
        return await run_exchange(self.peer, self.protocol.handshake())

    def _child_up(self, child: ChildProcess, server_info: object) -> None:
        assert isinstance(server_info, ServerInfo)
        self.server_info = server_info
        self._was_up = True
        self._metrics.set_codex_version(server_info.version)
        self._log.info("{worker} is up (process {pid})", event="child_ready", worker=self.name, pid=child.pid)
        self._on_change(self)

    def _child_lost(self, reason: str) -> None:
        self.server_info = None
        self._hangs += self._hung
        # Before the pending calls end, each of which would fail its turn with a fault of its own.
        why = fault("child_hung" if self._hung else "child_died")
        active = (session.active for session in self._sessions)
        self.lost_principals = frozenset(turn.context.principal for turn in active if turn is not None)
        for session in tuple(self._sessions):
            session.child_lost(why)
        self.peer.close()
        self._settle()
        if self.supervisor.running:
            self._metrics.count("child_exited")
            self._stderr_log.report_failed_start()
            self._log.warn("{worker} is down ({reason})", event="child_down", worker=self.name, reason=reason)
        self._on_change(self)

    def _receive(self, data: bytes) -> None:
        self._heard = True
        self.peer.receive(data)
        self._settle()

    def _settle(self) -> None:
        unsettled, self._unsettled = self._unsettled, {}
        for turn in unsettled:
            try:
                turn.settle()
            except Exception:
                # A defect in one sink ends its turn, not the others on the same pipe.
                self._metrics.count("internal_error")
                self._log.error(
                    "Request {id}: the sink of a turn failed: {where}",
                    event="internal_error",
                    id=turn.context.id,
                    where=format_failure(Failure()),
                )
                turn.cancel()

    def _dispatch(self, message: Incoming) -> None:
        if isinstance(message, jsonrpc.RpcResponse):
            self._liveness.answered()
            self._clean_up(message)
            return
        thread_id = self._route(message)
        session = None if thread_id is None else self._sessions_by_thread.get(thread_id)
        if type(message) is jsonrpc.RpcNotification:
            if message.method not in self._known_notifications:
                self._metrics.count("child_notification_ignored")
            if session is None:
                limits = self.protocol.find_limits(message)
                if limits is not None:
                    self._on_limits(limits)
                self._clean_up(message)
                return
        if session is not None:
            session.receive(message)
        else:
            self._decline(message)  # type: ignore[arg-type]

    def _clean_up(self, message: jsonrpc.RpcNotification | jsonrpc.RpcResponse) -> None:
        """End what began after its session was closed."""
        for params in self.protocol.clean_up(message):
            self.peer.send_request(params, _ignore_outcome)

    def _decline(self, request: jsonrpc.RpcRequest) -> None:
        self._metrics.count("child_request_declined")
        reply = self.protocol.reply_to(request)
        if isinstance(reply, SendResult):
            self.peer.reply(reply.request, reply.result)
        else:
            self.peer.reply_error(reply.request, reply.code, reply.message)


def _ignore_outcome(outcome: CallOutcome) -> None:
    """Ignore the outcome of a call."""
