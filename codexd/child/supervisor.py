"""One child, kept up: the service around a slot's life."""

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from codexd.child.machine import make_life
from codexd.child.process import ChildProcess
from codexd.child.slot import Handshake, Slot, Spawn
from codexd.policy.restart import Supervision


class Supervisor(Service):
    """Keeps one child up while it runs: starts it, waits for it to be ready, starts it again when it goes.

    There are never two children at once. A child that is not ready in time is killed; one that goes is
    started again after a growing wait; after too many restarts the slot is Down for a window.
    """

    def __init__(
        self,
        *,
        spawn: Spawn,
        handshake: Handshake,
        clock: IReactorTime,
        supervision: Supervision,
        chance: Callable[[], float],
        on_up: Callable[[ChildProcess, object], None],
        on_lost: Callable[[str], None],
    ) -> None:
        """Make the service of one slot; nothing runs before `startService`.

        Args:
            spawn: starts a process with the given end at its pipes; what it raises counts as an exit.
            handshake: makes a running child ready; a failure, or the deadline, and the child is killed.
            clock: for timers.
            supervision: the settings.
            chance: draws a number from 0 to 1, for the jitter.
            on_up: told of a child that is ready, and what its handshake gave.
            on_lost: told once after each `on_up`, when that child is gone, how it went. What the listeners
                raise is logged.
        """
        self._slot = Slot(spawn, handshake, clock, supervision, chance, on_up, on_lost)
        self._life = make_life(self._slot)

    @property
    def state(self) -> str:
        """One of Stopped, Starting, Up, Killing, BackingOff, Down, Stopping."""
        return self._slot.state

    @property
    def up(self) -> bool:
        """Tell whether the child is ready; not from the moment it is gone or asked to stop."""
        return self._slot.state == "Up"

    @property
    def pid(self) -> int | None:
        """The child's process id, while one runs."""
        return self._slot.child.pid

    @property
    def restarts(self) -> int:
        """How many children were started because another went."""
        return self._slot.restarts

    @property
    def last_exit(self) -> str:
        """How the last child went, in a few words; "" when none has."""
        return self._slot.last_exit

    def startService(self) -> None:
        """Bring a child up and keep one up."""
        super().startService()
        self._life.start()

    def stopService(self) -> "Deferred[None]":
        """Ask the child to end, kill it when it does not; the Deferred fires when it is really gone."""
        super().stopService()
        stopped = self._slot.when_stopped()
        self._life.stop()
        return stopped

    def awaken(self) -> None:
        """Try again now although the slot is Down; in any other state this does nothing."""
        self._life.awaken()
