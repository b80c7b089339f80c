"""One thread on one child, from its start to its unloading, over one or more turns.

A session sends the commands of its translator to the child and passes the events to the active turn. Its
owner decides what happens to the thread after a turn: idle, suspended or unloaded.
"""

from functools import partial
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.child.active_turn import ActiveTurn
from codexd.child.exchange_log import ExchangeLog
from codexd.child.peer import CallOutcome, Peer
from codexd.child.protocol import (
    COMMANDS,
    CallFailed,
    CallMethod,
    CallSucceeded,
    CallTag,
    ChildProtocol,
    Command,
    Input,
    Output,
    SendResult,
    ThreadTranslator,
)
from codexd.context import RequestRecord
from codexd.neutral.event import Event, Failed, Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Item, ToolResult
from codexd.observe.log import format_failure
from codexd.settings import Turns
from codexd.timeline import Step
from codexd.wire import jsonrpc


class ThreadHost(Protocol):
    """The child that a session's thread is on.

    Attributes:
        name: its name in the log.
        peer: the JSON-RPC connection.
        running_turns: number of active turns; sessions count theirs.
        turns: number of turns so far; sessions count theirs.
        retiring: its threads are not continued after their turn.
    """

    name: str
    peer: Peer
    running_turns: int
    turns: int
    retiring: bool

    @property
    def protocol(self) -> ChildProtocol:
        """The protocol of the child."""
        ...

    @property
    def full(self) -> bool:
        """Whether it runs as many turns as it may."""
        ...

    def register_thread(self, session: "Session") -> None:
        """Route the messages of the session's thread to it; its thread id is now known."""

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

    @property
    def name(self) -> str:
        """The name of the back end."""
        ...

    def turn_started(self, turn: ActiveTurn) -> None:
        """Record that a turn runs."""

    def turn_stopped(self, turn: ActiveTurn) -> None:
        """Record that a turn runs no longer: it has ended, was cancelled, or is suspended."""

    def turn_ended(self, session: "Session", turn: ActiveTurn) -> bool:
        """Return True if the thread stays loaded for another turn, False to unload it."""
        ...

    def count(self, name: str) -> None:
        """Increment a metrics counter."""


class Session:
    """A thread and its active turn, if there is one.

    Attributes:
        translator: the translator of the thread.
        host: the child it is on.
        active: the turn that runs now.
    """

    _log = Logger()

    def __init__(
        self, translator: ThreadTranslator, host: ThreadHost, owner: SessionOwner, clock: IReactorTime
    ) -> None:
        self.translator = translator
        self.host = host
        self.active: ActiveTurn | None = None
        self._owner = owner
        self._clock = clock
        self._pausing = False
        self._registered = False
        self._request_id = ""  # of the last turn
        self._exchange = ExchangeLog(RequestRecord())  # of the last turn's request
        self._idle_notifications = host.protocol.idle_notifications

    def open(self, turn: ActiveTurn) -> None:
        """Start the thread with the turn's whole history; raises FaultError as `ThreadTranslator.open`."""
        self._start(turn, self.translator.open(turn.request))

    def extend(self, turn: ActiveTurn, rest: tuple[Item, ...]) -> None:
        """Continue an idle thread with the rest of a longer history; raises FaultError."""
        self._start(turn, self.translator.extend(turn.request, rest))

    def submit_results(self, turn: ActiveTurn, results: tuple[ToolResult, ...]) -> None:
        """Continue a suspended turn with the results of its tool calls; raises FaultError."""
        self._start(turn, self.translator.submit_results(turn.request, results))

    def receive(self, message: Input) -> None:
        """Process a message of this thread. This is the hot path."""
        turn = self.active
        if self._exchange.traces:
            self._exchange.received(message)
        if type(message) is jsonrpc.RpcNotification and message.method in self._idle_notifications:
            self._translate(message)
            if turn is not None:
                turn.note_reconnecting(self.translator.unreachable)
            return
        if turn is not None:
            turn.note_activity()
            if type(message) is jsonrpc.RpcRequest:
                self._exchange.received_request(message)
        self._translate(message)

    def cancel(self) -> None:
        """Stop the model and unload the thread: the client has disconnected."""
        self._detach_turn()
        self._perform(self.translator.abort())

    def close(self) -> None:
        """Unload a thread that is idle or suspended."""
        self._perform(self.translator.abort())

    def child_lost(self, why: Fault) -> None:
        """Fail the active turn: the child has exited."""
        turn = self.active
        self._perform(self.translator.disconnect(why))
        if turn is not None and not turn.over:
            # Its events were ready but not passed on yet (see _start).
            self._emit(turn, Failed(why))

    @property
    def usage(self) -> Usage | None:
        """The tokens that were reported for the active turn so far (TurnController)."""
        return self.translator.usage

    def check_deadlines(self, limits: Turns, unreachable_seconds: float) -> None:
        """Fail the active turn if it is late, or complete it if only its last event is missing."""
        turn = self.active
        if turn is None:
            return
        missed = turn.find_missed_deadline(limits, unreachable_seconds)
        if missed is not None:
            self._owner.count(missed[0])
            self._fail(missed[1])
        elif turn.quiet:
            self._perform(self.translator.complete_if_whole())

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

    def _start(self, turn: ActiveTurn, outputs: list[Output]) -> None:
        self.active = turn
        self._request_id = turn.context.id
        self._exchange = ExchangeLog(turn.context.record)
        self._report_thread()
        turn.context.note_sent()
        self.host.running_turns += 1
        self.host.turns += 1
        self._owner.turn_started(turn)
        commands = [output for output in outputs if type(output) in COMMANDS]
        events = [output for output in outputs if type(output) not in COMMANDS]
        self._perform(commands)
        if events:
            # The caller gets the handle before the first event, even when events are ready at once.
            self._clock.callLater(0, self._emit_ready, turn, events)

    def _report_thread(self) -> None:
        """Set the worker and the thread in the record of the active turn's request."""
        if self.active is not None:
            thread_id = self.translator.thread_id or ""
            self.active.context.record.set_backend(self._owner.name, self.host.name, thread_id)

    def _emit_ready(self, turn: ActiveTurn, events: list[Output]) -> None:
        if turn is self.active:
            self._perform(events)
            turn.settle()

    def _translate(self, message: Input) -> None:
        try:
            self._perform(self.translator.receive(message))
        except Exception:
            # A defect of codexd fails this turn, not the others on the same pipe.
            self._owner.count("internal_error")
            self._log.error(
                "Request {id}: a message of the child could not be processed: {where}",
                event="internal_error",
                id=self._request_id,
                where=format_failure(Failure()),
            )
            self._fail(fault("internal"))

    def _fail(self, why: Fault) -> None:
        self._perform([*self.translator.fail(why), *self.translator.abort()])

    def _perform(self, outputs: list[Output]) -> None:
        turn = self.active
        for output in outputs:
            if type(output) in COMMANDS:
                self._send(output)  # type: ignore[arg-type]
            elif turn is not None:
                self._emit(turn, output)  # type: ignore[arg-type]
        if turn is not None and turn.over:
            self._end_turn(turn)
        if self.translator.state == "closed":
            self._detach_turn()
            self.host.remove_session(self)

    def _emit(self, turn: ActiveTurn, event: Event) -> None:
        turn.receive(event)
        self.host.schedule_settle(turn)

    def _send(self, command: Command) -> None:
        peer, exchange = self.host.peer, self._exchange
        if isinstance(command, CallMethod):
            if command.tag == "interrupt":
                self._owner.count("turn_interrupted")
            step = exchange.begin_call()
            receive = partial(self._receive_outcome, command.tag, exchange, step)
            exchange.call_sent(step, peer.send_request(command.params, receive))
            return
        exchange.replied(command)
        if isinstance(command, SendResult):
            peer.reply(command.request, command.result)
        else:
            peer.reply_error(command.request, command.code, command.message)

    def _receive_outcome(self, tag: CallTag, exchange: ExchangeLog, step: Step, outcome: CallOutcome) -> None:
        exchange.call_ended(step, outcome)
        if isinstance(outcome, jsonrpc.RpcResponse):
            self._translate(CallSucceeded(tag, outcome.result))
            if not self._registered and self.translator.thread_id is not None:
                self._registered = True
                self.host.register_thread(self)
                self._report_thread()
        elif outcome is None:
            self._translate(CallFailed(tag, "", timed_out=True))
        else:
            self._translate(CallFailed(tag, outcome.message))

    def _end_turn(self, turn: ActiveTurn) -> None:
        self._detach_turn()
        if turn.cut or not self._owner.turn_ended(self, turn):
            self._perform(self.translator.abort())

    def _detach_turn(self) -> None:
        turn, self.active = self.active, None
        if turn is not None:
            self.host.running_turns -= 1
            self._owner.turn_stopped(turn)
            self.resume(turn)
