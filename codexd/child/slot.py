"""A place for one child: who acts on it, and what is remembered of it. `machine` says what happens when."""

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from codexd.child.process import ChildProcess
from codexd.policy.restart import History, Supervision, Verdict, after_exit

Spawn = Callable[[ChildProcess], None]
"""Starts a process with this end at its pipes; whatever it raises counts as an exit."""

Handshake = Callable[[ChildProcess], "Deferred[object]"]
"""Makes a child that runs ready; cancelled when the child goes or the deadline passes."""


@define(eq=False)
class Slot:
    """What the states of the machine share.

    Attributes:
        spawn: see `Spawn`.
        handshake: see `Handshake`.
        clock: for timers and the time a child was up.
        supervision: the settings.
        chance: draws a number from 0 to 1.
        on_up: told of a child that is ready, and of its handshake's result.
        on_lost: told once after each `on_up`, when that child is gone, how it went.
        state: the machine's state.
        child: the child that runs, else the last one.
        restarts: how many children were started because another went.
        last_exit: how the last one went, in a few words; "" before that.
        wanted: a start came while the last child was being stopped.
    """

    spawn: Spawn
    handshake: Handshake
    clock: IReactorTime
    supervision: Supervision
    chance: Callable[[], float]
    on_up: Callable[[ChildProcess, object], None]
    on_lost: Callable[[str], None]

    state: str = field(default="Stopped", init=False)
    child: ChildProcess = field(factory=ChildProcess, init=False)
    restarts: int = field(default=0, init=False)
    last_exit: str = field(default="", init=False)
    wanted: bool = field(default=False, init=False)
    _up_since: float | None = field(default=None, init=False)
    _history: History = field(default=History(), init=False)
    _waiters: list["Deferred[None]"] = field(factory=list, init=False)

    log = Logger()

    def replace_child(self, on_exited: Callable[[str], None]) -> ChildProcess:
        """Make an end for the next child; the last one is gone, its leftovers are closed."""
        self.child.discard()
        self.child = ChildProcess()
        self.child.on_exited = on_exited
        return self.child

    def tell_up(self, result: object) -> None:
        """Tell that the child is ready."""
        self._up_since = self.clock.seconds()
        self.log.info("Child {pid} is up", pid=self.child.pid)
        with self.log.failuresHandled("while telling that a child is up"):
            self.on_up(self.child, result)

    def tell_lost(self, reason: str) -> float:
        """Tell that the child is gone, to those who knew it was up; return for how many seconds it was."""
        self.last_exit = reason
        since, self._up_since = self._up_since, None
        if since is None:
            return 0.0
        with self.log.failuresHandled("while telling that a child is lost"):
            self.on_lost(reason)
        return self.clock.seconds() - since

    def judge(self, lived_seconds: float) -> Verdict:
        """Decide what follows an exit."""
        now, chance = self.clock.seconds(), self.chance()
        self._history, verdict = after_exit(
            self.supervision.restart, self._history, now, lived_seconds, chance
        )
        self.log.warn("The child is gone ({reason}): {verdict}", reason=self.last_exit, verdict=verdict)
        return verdict

    def forget(self) -> None:
        """Begin anew, as if there had been no exits."""
        self._history = History()

    def when_stopped(self) -> "Deferred[None]":
        """Return a Deferred that `tell_stopped` fires; cancelling it only stops the waiting."""
        waiter: Deferred[None] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        return waiter

    def tell_stopped(self) -> None:
        """Tell whoever waits that no child runs any more."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)
