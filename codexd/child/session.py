"""One app-server thread on one child, from its start to its unloading, over one or more turns.

A session sends the commands of its `Thread` to the child and passes the thread's events to the active turn.
Its owner decides what happens to the thread after a turn: idle, suspended or unloaded.
"""

from functools import partial
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.backs import thread as t
from codexd.child.active_turn import ActiveTurn
from codexd.child.peer import Outcome, Peer
from codexd.neutral.event import Event, Failed
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Item, ToolResult
from codexd.observe.log import format_failure
from codexd.settings import Turns
from codexd.wire import jsonrpc

_COMMANDS = frozenset((t.CallMethod, t.SendResult, t.SendError))


class ThreadHost(Protocol):
    """The child that a session's thread is on.

    Attributes:
        running: number of active turns; sessions count theirs.
    """

    peer: Peer
    running: int

    @property
    def full(self) -> bool:
        """Whether it runs as many turns as it may."""
        ...

    def register_thread(self, session: "Session") -> None:
        """ResolvedModel the messages of the session's thread to it; its thread id is now known."""

    def schedule_settle(self, turn: ActiveTurn) -> None:
        """Call the turn's `settle` once the current chunk of input is processed."""

    def remove_session(self, session: "Session") -> None:
        """Forget a session whose thread is closed."""

    def pause(self, holder: object) -> None:
        """Stop reading from the child until the holder calls `resume`."""

    def resume(self, holder: object) -> None:
        """Undo the holder's `pause`."""


class SessionOwner(Protocol):
    """Decides what happens to threads after a turn."""

    def turn_ended(self, session: "Session", turn: ActiveTurn) -> bool:
        """Return True if the thread stays loaded for another turn, False to unload it."""
        ...

    def count(self, name: str) -> None:
        """Increment a metrics counter."""


class Session:
    """A thread and its active turn, if there is one.

    Attributes:
        thread: the translator of the thread.
        host: the child it is on.
        active: the turn that runs now.
    """

    _log = Logger()

    def __init__(self, thread: t.Thread, host: ThreadHost, owner: SessionOwner, clock: IReactorTime) -> None:
        self.thread = thread
        self.host = host
        self.active: ActiveTurn | None = None
        self._owner = owner
        self._clock = clock
        self._pausing = False

    def open(self, turn: ActiveTurn) -> None:
        """Start the thread with the turn's whole history; raises FaultError as `Thread.open`."""
        self._start(turn, self.thread.open(turn.request))

    def extend(self, turn: ActiveTurn, rest: tuple[Item, ...]) -> None:
        """Continue an idle thread with the rest of a longer history; raises FaultError as `Thread.extend`."""
        self._start(turn, self.thread.extend(turn.request, rest))

    def submit_results(self, turn: ActiveTurn, results: tuple[ToolResult, ...]) -> None:
        """Continue a suspended turn with the results of its tool calls; raises FaultError as `Thread.resume`."""
        self._start(turn, self.thread.resume(turn.request, results))

    def receive(self, message: t.Input) -> None:
        """Process a message of this thread. This is the hot path."""
        turn = self.active
        if turn is not None and not (type(message) is jsonrpc.RpcNotification and message.method == "error"):
            turn.note_activity()
        self._translate(message)

    def cancel(self) -> None:
        """Stop the model and unload the thread: the client has left."""
        self._detach_turn()
        self._perform(self.thread.abort())

    def close(self) -> None:
        """Unload a thread that is idle or suspended."""
        self._perform(self.thread.abort())

    def child_lost(self, why: Fault) -> None:
        """Fail the active turn: the child has exited."""
        turn = self.active
        self._perform(self.thread.child_lost(why))
        if turn is not None and not turn.over:
            # Its events were ready but not passed on yet (see _start).
            self._emit(turn, Failed(why))

    def check_deadlines(self, limits: Turns) -> None:
        """Fail the active turn if it is late, or complete it if only its last event is missing."""
        turn = self.active
        if turn is None:
            return
        missed = turn.find_missed_deadline(limits)
        if missed is not None:
            self._owner.count(missed[0])
            self._fail(missed[1])
        elif turn.quiet:
            self._perform(self.thread.end_if_complete())

    def pause(self, turn: ActiveTurn) -> None:
        """Stop reading from the child for this turn's client."""
        if turn is self.active and not self._pausing:
            self._pausing = True
            self.host.pause(self)

    def resume(self, turn: ActiveTurn) -> None:
        """Undo `pause`."""
        if self._pausing:
            self._pausing = False
            self.host.resume(self)

    def _start(self, turn: ActiveTurn, outputs: list[t.Output]) -> None:
        self.active = turn
        self.host.running += 1
        commands = [output for output in outputs if type(output) in _COMMANDS]
        events = [output for output in outputs if type(output) not in _COMMANDS]
        self._perform(commands)
        if events:
            # The caller gets the handle before the first event, even when events are ready at once.
            self._clock.callLater(0, self._emit_ready, turn, events)

    def _emit_ready(self, turn: ActiveTurn, events: list[t.Output]) -> None:
        if turn is self.active:
            self._perform(events)
            turn.settle()

    def _translate(self, message: t.Input) -> None:
        try:
            self._perform(self.thread.receive(message))
        except Exception:
            # A defect of codexd fails this turn, not the others on the same pipe.
            self._owner.count("internal_error")
            self._log.error("A message could not be taken: {where}", where=format_failure(Failure()))
            self._fail(fault("internal"))

    def _fail(self, why: Fault) -> None:
        self._perform([*self.thread.fail(why), *self.thread.abort()])

    def _perform(self, outputs: list[t.Output]) -> None:
        turn = self.active
        for output in outputs:
            if type(output) in _COMMANDS:
                self._send(output)  # type: ignore[arg-type]
            elif turn is not None:
                self._emit(turn, output)  # type: ignore[arg-type]
        if turn is not None and turn.over:
            self._end_turn(turn)
        if self.thread.state == "closed":
            self._detach_turn()
            self.host.remove_session(self)

    def _emit(self, turn: ActiveTurn, event: Event) -> None:
        turn.receive(event)
        self.host.schedule_settle(turn)

    def _send(self, command: t.Command) -> None:
        peer = self.host.peer
        if isinstance(command, t.CallMethod):
            if command.tag == "interrupt":
                self._owner.count("turn_interrupted")
            peer.send_request(command.params, partial(self._receive_outcome, command.tag))
        elif isinstance(command, t.SendResult):
            peer.reply(command.request, command.result)
        else:
            peer.reply_error(command.request, command.code, command.message)

    def _receive_outcome(self, tag: t.CallTag, outcome: Outcome) -> None:
        if isinstance(outcome, jsonrpc.RpcResponse):
            self._translate(t.CallSucceeded(tag, outcome.result))
            if tag == "thread" and self.thread.id is not None:
                self.host.register_thread(self)
        elif outcome is None:
            self._translate(t.CallFailed(tag, "", timed_out=True))
        else:
            self._translate(t.CallFailed(tag, outcome.message))

    def _end_turn(self, turn: ActiveTurn) -> None:
        self._detach_turn()
        if turn.cut or not self._owner.turn_ended(self, turn):
            self._perform(self.thread.abort())

    def _detach_turn(self) -> None:
        turn, self.active = self.active, None
        if turn is not None:
            self.host.running -= 1
            self.resume(turn)
