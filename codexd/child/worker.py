"""One child slot with the threads that live on its child."""

from collections.abc import Callable
from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.backs import bindings as b
from codexd.backs.requests import UNKNOWN_METHOD, policy
from codexd.child.complaints import Complaints
from codexd.child.greeting import Greeting, greet, offers
from codexd.child.peer import Heard, Outcome, Peer
from codexd.child.process import ChildProcess
from codexd.child.run import Run
from codexd.child.session import Session
from codexd.child.supervisor import Supervisor
from codexd.neutral.fault import fault
from codexd.observe.log import whereabouts
from codexd.observe.metrics import Metrics
from codexd.policy.catalog import Offer
from codexd.policy.restart import Supervision
from codexd.settings import Codex, Turns
from codexd.wire.jsonrpc import Notification, Reply, Request


class Worker:
    """A supervised child and its sessions.

    Attributes:
        peer: the child's JSON-RPC; a fresh one for each child.
        greeting: what the child told of itself; None unless it is up.
        running: how many answers are under way.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        spawn: Callable[[ChildProcess], None],
        clock: IReactorTime,
        supervision: Supervision,
        chance: Callable[[], float],
        codex: Codex,
        metrics: Metrics,
        changed: Callable[["Worker"], None],
    ) -> None:
        self.name = name
        self.greeting: Greeting | None = None
        self._clock = clock
        self._codex = codex
        self._metrics = metrics
        self._changed = changed
        self._child = ChildProcess()
        self.peer = self._make_peer(self._child)
        self._complaints = Complaints(name, codex.log_stderr)
        self.running = 0
        # In order: what happens to several at once happens to the eldest first.
        self._sessions: dict[Session, None] = {}
        self._located: dict[str, Session] = {}
        self._touched: dict[Run, None] = {}
        self.supervisor = Supervisor(
            spawn=spawn,
            handshake=self._shake_hands,
            clock=clock,
            supervision=supervision,
            chance=chance,
            on_up=self._up,
            on_lost=self._lost,
        )

    # For the pool.

    @property
    def ready(self) -> bool:
        """Tell whether the child is up."""
        return self.greeting is not None

    @property
    def full(self) -> bool:
        """Tell whether it runs as many answers as it may."""
        return self.running >= self._codex.turns_per_worker

    def adopt(self, session: Session) -> None:
        """Take a new session in."""
        self._complaints.guard()
        self._sessions[session] = None

    def sweep(self, limits: Turns) -> None:
        """Look at the clock for everything that waits here."""
        self.peer.sweep()
        for session in tuple(self._sessions):
            session.watch(limits)
        self._flush()

    async def refresh(self) -> tuple[Offer, ...]:
        """Read the account's models again (raises Refused, Unexpected)."""
        return await offers(self.peer)

    # For sessions (codexd.child.session.Host).

    def located(self, session: Session) -> None:
        """The session's messages can be brought to it."""
        if session.thread.id is not None and session in self._sessions:
            self._located[session.thread.id] = session

    def touched(self, run: Run) -> None:
        """Flush the run when the current piece of input is done."""
        self._touched[run] = None

    def forget(self, session: Session) -> None:
        """The session's thread is closed."""
        self._sessions.pop(session, None)
        if session.thread.id is not None:
            self._located.pop(session.thread.id, None)

    def hold(self, holder: object) -> None:
        """Read no more from the child for now."""
        self._child.hold(holder)

    def release(self, holder: object) -> None:
        """The holder no longer holds."""
        self._child.release(holder)

    # For the child.

    def _make_peer(self, child: ChildProcess) -> Peer:
        return Peer(child.write, self._heard, self._clock, self._codex.call_seconds, self._metrics)

    def _shake_hands(self, child: ChildProcess) -> "Deferred[object]":
        self._metrics.count("child_started")
        self._child = child
        self.peer = self._make_peer(child)
        self._complaints = Complaints(self.name, self._codex.log_stderr)
        child.on_output = self._received
        child.on_complaint = self._complaints.hear
        return Deferred.fromCoroutine(self._greet())

    async def _greet(self) -> object:
        return await greet(self.peer)

    def _up(self, child: ChildProcess, greeting: object) -> None:
        assert isinstance(greeting, Greeting)
        self.greeting = greeting
        self._log.info("{worker} is up (process {pid})", worker=self.name, pid=child.pid)
        self._changed(self)

    def _lost(self, reason: str) -> None:
        self.greeting = None
        # Before the calls under way are settled, each of which would name a failure of its own.
        for session in tuple(self._sessions):
            session.lose(fault("child_died"))
        self.peer.lose()
        self._flush()
        if self.supervisor.running:
            self._metrics.count("child_ended")
            self._log.warn("{worker} is down: {reason}", worker=self.name, reason=reason)
        self._changed(self)

    def _received(self, data: bytes) -> None:
        self.peer.receive(data)
        self._flush()

    def _flush(self) -> None:
        touched, self._touched = self._touched, {}
        for run in touched:
            try:
                run.flush()
            except Exception:
                # One reader's defect costs that reader, not the pipe it shares with the others.
                self._metrics.count("internal_error")
                self._log.error("An answer could not be passed on: {where}", where=whereabouts(Failure()))
                run.cancel()

    def _heard(self, message: Heard) -> None:
        if isinstance(message, Reply):
            self._unload(message)
            return
        thread_id = message.params.get("threadId")
        session = self._located.get(thread_id) if type(thread_id) is str else None
        if type(message) is Notification:
            if message.method not in b.EVENTS:
                self._metrics.count("child_notification_ignored")
            if session is not None:
                session.receive(message)
            elif message.method == "turn/started":
                self._stop(message)
        elif session is not None and message.method == b.TOOL_CALL:
            session.receive(message)
        else:
            self._decide(message)  # type: ignore[arg-type]

    def _unload(self, late: Reply) -> None:
        """Unload a thread that was started too late for whoever asked for it."""
        with suppress(b.Unexpected):
            self.peer.ask(b.Unsubscribe(b.structure(late.result, b.ThreadStarted).thread.id), _nothing)

    def _stop(self, late: Notification) -> None:
        """Stop a turn that began too late for whoever asked for it."""
        with suppress(b.Unexpected):
            started = b.structure(late.params, b.TurnStarted)
            self.peer.ask(b.TurnInterrupt(started.threadId, started.turn.id), _nothing)

    def _decide(self, request: Request) -> None:
        self._metrics.count("child_request_declined")
        result = policy(request.method)
        if result is None:
            self.peer.decline(request.id, UNKNOWN_METHOD, "not supported by codexd")
        else:
            self.peer.answer(request.id, result)


def _nothing(outcome: Outcome) -> None:
    """Do nothing about what becomes of a call."""
