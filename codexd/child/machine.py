"""The life of a slot as a state machine: at most one child, and none left behind.

States own their timers and hand them to the transition that leaves them, so that no timer outlives its state.
The model is `twisted/application/_client_service.py`: states, silent transitions as a table, speaking ones.
"""

from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from codexd.child.process import ChildProcess
from codexd.child.slot import Slot
from codexd.policy.restart import Wait


class Life(Protocol):
    """What can happen to a slot."""

    def start(self) -> None:
        """Bring a child up and keep one up."""

    def stop(self) -> None:
        """Bring the child down and keep it down."""

    def awaken(self) -> None:
        """Try again although the slot was given up; elsewhere it changes nothing."""

    def greeted(self, result: object) -> None:
        """The handshake succeeded."""

    def refused(self, reason: str) -> None:
        """The handshake failed, or did not end in time."""

    def exited(self, reason: str) -> None:
        """The child is gone, or could not be started."""

    def retry(self) -> None:
        """The back-off is over."""

    def surrender(self) -> None:
        """There were too many restarts."""

    def overdue(self) -> None:
        """The child had its time to stop."""


@define(eq=False)
class Attempt:
    """A handshake under way: it ends in one way, once."""

    deadline: IDelayedCall
    handshake: "Deferred[None] | None" = None
    over: bool = False

    def settle(self) -> None:
        """Leave it: whatever still comes of it is not heard."""
        self.over = True
        _cancel(self.deadline)
        if self.handshake is not None:
            self.handshake.cancel()


def _cancel(timer: IDelayedCall) -> None:
    if timer.active():
        timer.cancel()


# What entering a state does, and what the state then owns.


def _start(life: Life, slot: Slot) -> Attempt:
    slot.state = "Starting"
    child = slot.replace_child(life.exited)
    seconds = slot.supervision.handshake_seconds
    attempt = Attempt(slot.clock.callLater(seconds, life.refused, f"no handshake within {seconds:g} s"))
    reason = "nothing was launched"
    try:
        slot.spawn(child)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        child.terminate("KILL")
    else:
        if child.pid is not None:
            attempt.handshake = _shake_hands(life, slot, child, attempt)
    if not child.launched:
        life.exited(f"could not be started, {reason}")
    return attempt


def _shake_hands(life: Life, slot: Slot, child: ChildProcess, attempt: Attempt) -> "Deferred[None]":
    def done(result: object) -> None:
        if not attempt.over:
            life.greeted(result)

    def failed(failure: Failure) -> None:
        if not attempt.over:
            life.refused(f"handshake failed: {type(failure.value).__name__}")

    return maybeDeferred(slot.handshake, child).addCallbacks(done, failed)


def _up(life: Life, slot: Slot, result: object) -> None:
    slot.state = "Up"


def _kill(life: Life, slot: Slot, reason: str) -> None:
    slot.state = "Killing"
    slot.log.warn("Killing child {pid}: {reason}", pid=slot.child.pid, reason=reason)
    slot.child.terminate("KILL")


def _back_off(life: Life, slot: Slot, reason: str) -> IDelayedCall:
    slot.state = "BackingOff"
    verdict = slot.judge(slot.tell_lost(reason))
    if isinstance(verdict, Wait):
        return slot.clock.callLater(verdict.seconds, life.retry)
    return slot.clock.callLater(0, life.surrender)


def _give_up(life: Life, slot: Slot) -> IDelayedCall:
    slot.state = "Down"
    seconds = slot.supervision.restart.window_seconds
    slot.log.error("Too many restarts: no child for {seconds} s", seconds=seconds)
    return slot.clock.callLater(seconds, life.awaken)


def _stop(life: Life, slot: Slot) -> IDelayedCall:
    slot.state = "Stopping"
    slot.child.terminate("TERM")
    return slot.clock.callLater(slot.supervision.grace_seconds, life.overdue)


_builder = TypeMachineBuilder(Life, Slot)

_Stopped = _builder.state("Stopped")
_Starting = _builder.state("Starting", _start)
_Up = _builder.state("Up", _up)
_Killing = _builder.state("Killing", _kill)
_BackingOff = _builder.state("BackingOff", _back_off)
_Down = _builder.state("Down", _give_up)
_Stopping = _builder.state("Stopping", _stop)

# Silent transitions.

_Stopped.upon(Life.start).to(_Starting).returns(None)
_Stopped.upon(Life.awaken).loop().returns(None)
_Starting.upon(Life.start).loop().returns(None)
_Starting.upon(Life.awaken).loop().returns(None)
_Up.upon(Life.start).loop().returns(None)
_Up.upon(Life.awaken).loop().returns(None)
_Up.upon(Life.exited).to(_BackingOff).returns(None)
_Up.upon(Life.stop).to(_Stopping).returns(None)
_Killing.upon(Life.start).loop().returns(None)
_Killing.upon(Life.awaken).loop().returns(None)
_Killing.upon(Life.exited).to(_BackingOff).returns(None)
_Killing.upon(Life.stop).to(_Stopping).returns(None)
_BackingOff.upon(Life.start).loop().returns(None)
_BackingOff.upon(Life.awaken).loop().returns(None)
_BackingOff.upon(Life.surrender).to(_Down).returns(None)
_Down.upon(Life.start).loop().returns(None)
_Stopping.upon(Life.awaken).loop().returns(None)

# Speaking transitions.


@_Starting.upon(Life.greeted).to(_Up)
def _greet(life: Life, slot: Slot, attempt: Attempt, result: object) -> None:
    attempt.settle()
    slot.tell_up(result)


@_Starting.upon(Life.refused).to(_Killing)
@_Starting.upon(Life.exited).to(_BackingOff)
def _fail(life: Life, slot: Slot, attempt: Attempt, reason: str) -> None:
    attempt.settle()


@_Starting.upon(Life.stop).to(_Stopping)
def _stop_starting(life: Life, slot: Slot, attempt: Attempt) -> None:
    attempt.settle()


@_BackingOff.upon(Life.retry).to(_Starting)
def _restart(life: Life, slot: Slot, timer: IDelayedCall) -> None:
    slot.restarts += 1


@_Down.upon(Life.awaken).to(_Starting)
def _begin_anew(life: Life, slot: Slot, timer: IDelayedCall) -> None:
    _cancel(timer)
    slot.forget()
    slot.restarts += 1


@_Stopped.upon(Life.stop).loop()
def _stay_stopped(life: Life, slot: Slot) -> None:
    slot.tell_stopped()


@_BackingOff.upon(Life.stop).to(_Stopped)
@_Down.upon(Life.stop).to(_Stopped)
def _stop_waiting(life: Life, slot: Slot, timer: IDelayedCall) -> None:
    _cancel(timer)
    slot.state = "Stopped"
    slot.tell_stopped()


@_Stopping.upon(Life.overdue).loop()
def _insist(life: Life, slot: Slot, timer: IDelayedCall) -> None:
    slot.log.warn("Child {pid} had its time to stop: killing it", pid=slot.child.pid)
    slot.child.terminate("KILL")


@_Stopping.upon(Life.start).loop()
def _want(life: Life, slot: Slot, timer: IDelayedCall) -> None:
    slot.wanted = True


@_Stopping.upon(Life.stop).loop()
def _want_no_more(life: Life, slot: Slot, timer: IDelayedCall) -> None:
    slot.wanted = False


@_Stopping.upon(Life.exited).to(_Stopped)
def _gone(life: Life, slot: Slot, timer: IDelayedCall, reason: str) -> None:
    _cancel(timer)
    slot.state = "Stopped"
    slot.tell_lost(reason)
    slot.tell_stopped()
    if slot.wanted:
        slot.wanted = False
        life.start()


make_life = _builder.build()
"""Make the life of a slot: `make_life(slot)` gives a `Life` in state Stopped."""
