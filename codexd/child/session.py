"""One app-server thread on one child, from its start to its unloading, over however many answers.

It carries out what the Thread wants done and passes on what the Thread says. What becomes of the thread
when an answer has ended (kept warm, suspended, unloaded) is the keeper's to decide.
"""

from functools import partial
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from codexd.backs import thread as t
from codexd.child.peer import Outcome, Peer
from codexd.child.run import Run
from codexd.neutral.event import Event, Failed
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Item, ToolResult, Turn
from codexd.observe.log import whereabouts
from codexd.settings import Turns
from codexd.wire import jsonrpc

_COMMANDS = frozenset((t.Ask, t.Answer, t.Decline))


class Host(Protocol):
    """The child a session lives on.

    Attributes:
        running: how many answers are under way; sessions count theirs.
    """

    peer: Peer
    running: int

    @property
    def full(self) -> bool:
        """Whether it runs as many answers as it may."""
        ...

    def located(self, session: "Session") -> None:
        """The session has its thread id: its messages can be brought to it."""

    def touched(self, run: Run) -> None:
        """The run was told something: flush it when the current piece of input is done."""

    def forget(self, session: "Session") -> None:
        """The session's thread is closed."""

    def hold(self, holder: object) -> None:
        """Read no more from the child until the holder releases it."""

    def release(self, holder: object) -> None:
        """The holder no longer holds."""


class Keeper(Protocol):
    """Decides what becomes of threads."""

    def answered(self, session: "Session", run: Run) -> bool:
        """An answer has ended; True when the thread is kept for another."""
        ...

    def count(self, name: str) -> None:
        """Count something for the metrics."""


class Session:
    """A thread and the answer it is giving, if any."""

    _log = Logger()

    def __init__(self, thread: t.Thread, host: Host, keeper: Keeper, clock: IReactorTime) -> None:
        self.thread = thread
        self.host = host
        self.run: Run | None = None
        self._keeper = keeper
        self._clock = clock
        self._holding = False

    def open(self, turn: Turn, run: Run) -> None:
        """Start the thread with a whole history (raises Refused as Thread.open)."""
        self._start(run, self.thread.open(turn))

    def extend(self, turn: Turn, rest: tuple[Item, ...], run: Run) -> None:
        """Answer a longer history (raises Refused as Thread.extend)."""
        self._start(run, self.thread.extend(turn, rest))

    def resume(self, turn: Turn, results: tuple[ToolResult, ...], run: Run) -> None:
        """Go on with the suspended turn."""
        self._start(run, self.thread.resume(turn, results))

    def receive(self, message: t.Input) -> None:
        """Take what concerns this thread; the hot path."""
        run = self.run
        if run is not None and not (type(message) is jsonrpc.Notification and message.method == "error"):
            run.heard()
        self._take(message)

    def cancel(self) -> None:
        """Nobody wants this answer any more: stop the model."""
        self._let_go()
        self._perform(self.thread.abort())

    def close(self) -> None:
        """Unload a thread that is kept, warm or suspended."""
        self._perform(self.thread.abort())

    def lose(self, why: Fault) -> None:
        """The child is gone."""
        run = self.run
        self._perform(self.thread.lose(why))
        if run is not None and not run.over:
            # Its answer was there, but had not begun.
            self._say(run, Failed(why))

    def watch(self, limits: Turns) -> None:
        """Look at the clock for the answer under way."""
        run = self.run
        if run is None:
            return
        overdue = run.overdue(limits)
        if overdue is not None:
            self._keeper.count(overdue[0])
            self._fail(overdue[1])
        elif run.quiet:
            self._perform(self.thread.settle())

    def hold(self, run: Run) -> None:
        """Hold the child for this run's reader."""
        if run is self.run and not self._holding:
            self._holding = True
            self.host.hold(self)

    def release(self, run: Run) -> None:
        """This run's reader has caught up."""
        if self._holding:
            self._holding = False
            self.host.release(self)

    def _start(self, run: Run, outputs: list[t.Output]) -> None:
        self.run = run
        self.host.running += 1
        commands = [output for output in outputs if type(output) in _COMMANDS]
        events = [output for output in outputs if type(output) not in _COMMANDS]
        self._perform(commands)
        if events:
            # An answer that is there at once still begins after its handle was given.
            self._clock.callLater(0, self._say_later, run, events)

    def _say_later(self, run: Run, events: list[t.Output]) -> None:
        if run is self.run:
            self._perform(events)
            run.flush()

    def _take(self, message: t.Input) -> None:
        try:
            self._perform(self.thread.receive(message))
        except Exception:
            # A defect of ours costs this answer, not the pipe it shares with the others.
            self._keeper.count("internal_error")
            self._log.error("A message could not be taken: {where}", where=whereabouts(Failure()))
            self._fail(fault("internal"))

    def _fail(self, why: Fault) -> None:
        self._perform([*self.thread.fail(why), *self.thread.abort()])

    def _perform(self, outputs: list[t.Output]) -> None:
        run = self.run
        for output in outputs:
            if type(output) in _COMMANDS:
                self._carry_out(output)  # type: ignore[arg-type]
            elif run is not None:
                self._say(run, output)  # type: ignore[arg-type]
        if run is not None and run.over:
            self._answered(run)
        if self.thread.state == "closed":
            self._let_go()
            self.host.forget(self)

    def _say(self, run: Run, event: Event) -> None:
        run.say(event)
        self.host.touched(run)

    def _carry_out(self, command: t.Command) -> None:
        peer = self.host.peer
        if isinstance(command, t.Ask):
            if command.tag == "interrupt":
                self._keeper.count("turn_interrupted")
            peer.ask(command.params, partial(self._outcome, command.tag))
        elif isinstance(command, t.Answer):
            peer.answer(command.request, command.result)
        else:
            peer.decline(command.request, command.code, command.message)

    def _outcome(self, tag: t.Tag, outcome: Outcome) -> None:
        if isinstance(outcome, jsonrpc.Reply):
            self._take(t.Replied(tag, outcome.result))
            if tag == "thread" and self.thread.id is not None:
                self.host.located(self)
        elif outcome is None:
            self._take(t.Rejected(tag, "", timed_out=True))
        else:
            self._take(t.Rejected(tag, outcome.message))

    def _answered(self, run: Run) -> None:
        self._let_go()
        if not (not run.cut and self._keeper.answered(self, run)):
            self._perform(self.thread.abort())

    def _let_go(self) -> None:
        run, self.run = self.run, None
        if run is not None:
            self.host.running -= 1
            self.release(run)
