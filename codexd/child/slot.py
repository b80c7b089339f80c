"""The state of one child slot, shared by the states of its machine (see `machine`)."""

from collections.abc import Callable
from typing import Literal

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from codexd.child.process import ChildProcess
from codexd.child.process_state import describe_state
from codexd.policy.restart import (
    RestartAfterBackoff,
    RestartDecision,
    RestartHistory,
    RestartPolicy,
    Supervision,
    decide_after_exit,
)

SlotState = Literal["Stopped", "Starting", "Up", "Killing", "BackingOff", "Down", "Stopping"]
"""The state of the machine, by its name in the drawing of docs/app-server.md."""

Spawn = Callable[[ChildProcess], None]
"""Starts a process with the given protocol; any exception counts as an exit."""

Handshake = Callable[[ChildProcess], "Deferred[object]"]
"""Makes a running child ready; cancelled when the child exits or the deadline passes."""


@define(eq=False, kw_only=True)
class Slot:
    """A slot for one child: its collaborators, its current child and its restart history.

    Attributes:
        spawn: see `Spawn`.
        handshake: see `Handshake`.
        clock: for timers and uptimes.
        supervision: the settings.
        random: returns a number from 0 to 1, for the jitter.
        on_up: called with a child that is ready and the result of its handshake.
        on_lost: called once after each `on_up`, when that child has exited, with a description of the exit.
        state: the state of the machine.
        child: the current child, else the last one.
        restarts: how often a child has exited, and another one was started or will be.
        next_start_at: when the next child is started, on the clock; only while the slot waits for that.

        last_exit: description of the last exit; "" if there was none.
        start_pending: a start was requested while the last child was being stopped.
    """

    spawn: Spawn
    handshake: Handshake
    clock: IReactorTime
    supervision: Supervision
    random: Callable[[], float]
    on_up: Callable[[ChildProcess, object], None]
    on_lost: Callable[[str], None]

    state: SlotState = field(default="Stopped", init=False)
    child: ChildProcess = field(factory=ChildProcess, init=False)

    restarts: int = field(default=0, init=False)
    next_start_at: float = field(default=0.0, init=False)
    last_exit: str = field(default="", init=False)
    start_pending: bool = field(default=False, init=False)
    _kill_reason: str = field(default="", init=False)
    _up_since: float | None = field(default=None, init=False)
    _lived_seconds: float = field(default=0.0, init=False)
    _history: RestartHistory = field(default=RestartHistory(), init=False)
    _waiters: list["Deferred[None]"] = field(factory=list, init=False)

    log = Logger()

    def replace_child(self, on_exited: Callable[[str], None]) -> ChildProcess:
        """Create the protocol of the next child, and close the pipes of the last one."""
        self.child.close_pipes()
        self.child, self._kill_reason = ChildProcess(), ""
        self.child.on_exited = on_exited
        return self.child

    def kill_child(self, reason: str) -> None:
        """Kill the child; its exit is then described by the reason, as the signal says nothing about it."""
        self._kill_reason = reason
        self.log.warn(
            "Killing child {pid}: {reason} (state {process_state})",
            event="child_killed",
            pid=self.child.pid,
            reason=reason,
            process_state=describe_state(self.child.pid),
        )
        self.child.send_signal("KILL")

    def report_up(self, result: object) -> None:
        """Call `on_up`."""
        self._up_since = self.clock.seconds()

        with self.log.failuresHandled("while reporting that a child is up"):
            self.on_up(self.child, result)

    @property
    def up_seconds(self) -> float:
        """How long the child has been ready; 0 if it is not."""
        return 0.0 if self._up_since is None else self.clock.seconds() - self._up_since

    def report_lost(self, reason: str) -> float:
        """Call `on_lost` if the child had been up; return its uptime in seconds, 0 if it never was."""
        self.last_exit = f"killed by codexd: {self._kill_reason}" if self._kill_reason else reason
        since, self._up_since = self._up_since, None
        if since is None:
            lived_seconds, self._lived_seconds = self._lived_seconds, 0.0
            return lived_seconds
        with self.log.failuresHandled("while reporting that a child has exited"):
            self.on_lost(self.last_exit)
        return self.clock.seconds() - since

    def report_hung(self, reason: str) -> None:
        """Call `on_lost` before the exit, which `report_lost` then reports with the uptime alone."""
        self._lived_seconds = self.report_lost(reason)

    def decide_restart(self, lived_seconds: float) -> RestartDecision:
        """Decide when to restart after an exit, and remember the exit."""
        now, random = self.clock.seconds(), self.random()
        self._history, decision = decide_after_exit(self.supervision.restart, self._history, now, lived_seconds, random)
        self.restarts += 1
        self.next_start_at = now + _delay(decision, self.supervision.restart)
        self.log.warn(
            "The child has exited ({reason}); {next}",
            event="child_exited",
            reason=self.last_exit,
            next=_describe(decision),
        )
        return decision

    def clear_history(self) -> None:
        """Forget all exits."""
        self._history = RestartHistory()

    def when_stopped(self) -> "Deferred[None]":
        """Return a Deferred that `report_stopped` fires; cancelling it does not cancel the stop."""
        waiter: Deferred[None] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        return waiter

    def report_stopped(self) -> None:
        """Fire the Deferreds of `when_stopped`: no child runs any more."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(None)


def _delay(decision: RestartDecision, policy: RestartPolicy) -> float:
    return decision.seconds if isinstance(decision, RestartAfterBackoff) else policy.window_seconds


def _describe(decision: RestartDecision) -> str:
    if isinstance(decision, RestartAfterBackoff):
        return f"it is restarted in {decision.seconds:.1f} s"
    return "the limit of restarts is reached"
