"""Service that keeps one child running: the public interface of a slot and its machine."""

from collections.abc import Callable
from typing import Final

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from codexd.child.machine import build_slot_lifecycle
from codexd.child.process import ChildProcess
from codexd.child.slot import Handshake, Slot, SlotState, Spawn
from codexd.policy.restart import Supervision

HURRIED_GRACE_SECONDS: Final = 0.5
"""The time between asking a child to stop and killing it, when the daemon was told to stop at once."""


class Supervisor(Service):
    """Keeps one child running: starts it, waits until it is ready, and restarts it after an exit.

    There are never two children at once. A child that is not ready in time is killed. After an exit the child is
    restarted with a growing delay (back-off); after too many restarts, once the slot has been Down for a window.
    """

    def __init__(
        self,
        *,
        spawn: Spawn,
        handshake: Handshake,
        clock: IReactorTime,
        supervision: Supervision,
        random: Callable[[], float],
        on_up: Callable[[ChildProcess, object], None],
        on_lost: Callable[[str], None],
    ) -> None:
        """Create the service of one slot; nothing runs before `startService`.

        Args:
            spawn: starts a process with the given protocol; any exception counts as an exit.
            handshake: makes a running child ready; on failure, or at the deadline, the child is killed.
            clock: for timers.
            supervision: the settings.
            random: returns a number from 0 to 1, for the jitter.
            on_up: called with a child that is ready and the result of its handshake.
            on_lost: called once after each `on_up`, when that child has exited, with a description of the
                exit. Exceptions of both callbacks are logged.
        """
        self._slot = Slot(
            spawn=spawn,
            handshake=handshake,
            clock=clock,
            supervision=supervision,
            random=random,
            on_up=on_up,
            on_lost=on_lost,
        )
        self._lifecycle = build_slot_lifecycle(self._slot)

    @property
    def state(self) -> SlotState:
        """The state of the slot's machine."""
        return self._slot.state

    @property
    def up(self) -> bool:
        """Whether the child is ready; False as soon as it has exited or was asked to stop."""
        return self._slot.state == "Up"

    @property
    def pid(self) -> int | None:
        """Process id of the child, while one runs."""
        return self._slot.child.pid

    @property
    def up_seconds(self) -> float:
        """How long the child has been ready; 0 if it is not."""
        return self._slot.up_seconds

    @property
    def last_exit(self) -> str:
        """Description of the last child's exit; "" if none has exited."""
        return self._slot.last_exit

    @property
    def restarts(self) -> int:
        """How often a child has exited, and another one was started or will be."""
        return self._slot.restarts

    @property
    def next_start_seconds(self) -> float | None:
        """How long until the next child is started; None unless the slot waits for that."""
        if self._slot.state not in ("BackingOff", "Down"):
            return None
        return max(self._slot.next_start_at - self._slot.clock.seconds(), 0.0)

    def startService(self) -> None:
        """Start a child and keep one running."""
        super().startService()
        self._lifecycle.start()

    def hurry(self) -> None:
        """Shorten the grace period to HURRIED_GRACE_SECONDS; a child that was asked to stop is killed now."""
        slot = self._slot
        slot.supervision = evolve(
            slot.supervision, grace_seconds=min(slot.supervision.grace_seconds, HURRIED_GRACE_SECONDS)
        )
        if slot.state == "Stopping":
            self._lifecycle.grace_elapsed()

    def child_hung(self, reason: str) -> None:
        """Kill the child, which was up and does not respond, and start another one."""
        if self.up:
            self._lifecycle.hung(reason)

    def stopService(self) -> "Deferred[None]":
        """Terminate the child, and kill it after the grace period; the Deferred fires when it has exited."""
        super().stopService()
        stopped = self._slot.when_stopped()
        self._lifecycle.stop()
        return stopped
