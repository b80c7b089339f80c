"""State machine of a child slot: at most one child runs, and none is left behind.

States own their timers and pass them to the transition that leaves them, so no timer outlives its state. The
layout follows `twisted/application/_client_service.py`: states, transitions without output as a table, then
transitions with output.
"""

from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from codexd.child.process import ChildProcess
from codexd.child.slot import Slot
from codexd.policy.restart import RestartAfterBackoff


class SlotLifecycle(Protocol):
    """The inputs of the machine."""

    def start(self) -> None:
        """Start a child and keep one running."""

    def stop(self) -> None:
        """Stop the child and start no other."""

    def handshake_succeeded(self, result: object) -> None:
        """The handshake succeeded."""

    def handshake_failed(self, reason: str) -> None:
        """The handshake failed, or did not end in time."""

    def hung(self, reason: str) -> None:
        """The child runs, but does not respond."""

    def exited(self, reason: str) -> None:
        """The child exited, or could not be started."""

    def backoff_elapsed(self) -> None:
        """The back-off, the delay before a restart, has passed."""

    def restart_limit_reached(self) -> None:
        """There were too many restarts within the window: the slot is Down for a window."""

    def window_elapsed(self) -> None:
        """The slot was Down for a window: start a child again."""

    def grace_elapsed(self) -> None:
        """The child did not exit within the grace period."""


@define(eq=False)
class HandshakeAttempt:
    """A handshake in progress; it has one outcome, once."""

    deadline: IDelayedCall
    handshake: "Deferred[None] | None" = None
    closed: bool = False

    def close(self) -> None:
        """Cancel the handshake and its deadline; a later outcome is ignored."""
        self.closed = True
        _cancel(self.deadline)
        if self.handshake is not None:
            self.handshake.cancel()


def _cancel(timer: IDelayedCall) -> None:
    if timer.active():
        timer.cancel()


# Entry actions of the states; each returns what the state owns.


def _start(lifecycle: SlotLifecycle, slot: Slot) -> HandshakeAttempt:
    slot.state = "Starting"
    child = slot.replace_child(lifecycle.exited)
    seconds = slot.supervision.handshake_seconds
    attempt = HandshakeAttempt(
        slot.clock.callLater(seconds, lifecycle.handshake_failed, f"no handshake within {seconds:g} s")
    )
    reason = "no process was started"
    try:
        slot.spawn(child)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        child.send_signal("KILL")
    else:
        if child.pid is not None:
            attempt.handshake = _begin_handshake(lifecycle, slot, child, attempt)
    if not child.launched:
        lifecycle.exited(f"could not be started: {reason}")
    return attempt


def _begin_handshake(
    lifecycle: SlotLifecycle, slot: Slot, child: ChildProcess, attempt: HandshakeAttempt
) -> "Deferred[None]":
    def done(result: object) -> None:
        if not attempt.closed:
            lifecycle.handshake_succeeded(result)

    def failed(failure: Failure) -> None:
        if not attempt.closed:
            lifecycle.handshake_failed(f"handshake failed: {type(failure.value).__name__}")

    return maybeDeferred(slot.handshake, child).addCallbacks(done, failed)


def _up(lifecycle: SlotLifecycle, slot: Slot, result: object) -> None:
    slot.state = "Up"


def _kill(lifecycle: SlotLifecycle, slot: Slot, reason: str) -> None:
    slot.state = "Killing"
    slot.kill_child(reason)


def _back_off(lifecycle: SlotLifecycle, slot: Slot, reason: str) -> IDelayedCall:
    slot.state = "BackingOff"
    decision = slot.decide_restart(slot.report_lost(reason))
    if isinstance(decision, RestartAfterBackoff):
        return slot.clock.callLater(decision.seconds, lifecycle.backoff_elapsed)
    return slot.clock.callLater(0, lifecycle.restart_limit_reached)


def _down(lifecycle: SlotLifecycle, slot: Slot) -> IDelayedCall:
    slot.state = "Down"
    seconds = slot.supervision.restart.window_seconds
    slot.log.error(
        "Too many restarts: the child is restarted in {seconds:g} s", event="restart_limit_reached", seconds=seconds
    )
    return slot.clock.callLater(seconds, lifecycle.window_elapsed)


def _stop(lifecycle: SlotLifecycle, slot: Slot) -> IDelayedCall:
    slot.state = "Stopping"
    slot.child.send_signal("TERM")
    return slot.clock.callLater(slot.supervision.grace_seconds, lifecycle.grace_elapsed)


_builder = TypeMachineBuilder(SlotLifecycle, Slot)

_Stopped = _builder.state("Stopped")
_Starting = _builder.state("Starting", _start)
_Up = _builder.state("Up", _up)
_Killing = _builder.state("Killing", _kill)
_BackingOff = _builder.state("BackingOff", _back_off)
_Down = _builder.state("Down", _down)
_Stopping = _builder.state("Stopping", _stop)

# Transitions without output.

_Stopped.upon(SlotLifecycle.start).to(_Starting).returns(None)

_Starting.upon(SlotLifecycle.start).loop().returns(None)

_Up.upon(SlotLifecycle.start).loop().returns(None)

_Up.upon(SlotLifecycle.exited).to(_BackingOff).returns(None)
_Up.upon(SlotLifecycle.stop).to(_Stopping).returns(None)
_Killing.upon(SlotLifecycle.start).loop().returns(None)
_Killing.upon(SlotLifecycle.hung).loop().returns(None)

_Killing.upon(SlotLifecycle.exited).to(_BackingOff).returns(None)
_Killing.upon(SlotLifecycle.stop).to(_Stopping).returns(None)
_BackingOff.upon(SlotLifecycle.start).loop().returns(None)

_BackingOff.upon(SlotLifecycle.backoff_elapsed).to(_Starting).returns(None)
_BackingOff.upon(SlotLifecycle.restart_limit_reached).to(_Down).returns(None)
_Down.upon(SlotLifecycle.start).loop().returns(None)

# Transitions with output.


@_Starting.upon(SlotLifecycle.handshake_succeeded).to(_Up)
def _finish_handshake(lifecycle: SlotLifecycle, slot: Slot, attempt: HandshakeAttempt, result: object) -> None:
    attempt.close()
    slot.report_up(result)


@_Starting.upon(SlotLifecycle.handshake_failed).to(_Killing)
@_Starting.upon(SlotLifecycle.exited).to(_BackingOff)
def _abandon_start(lifecycle: SlotLifecycle, slot: Slot, attempt: HandshakeAttempt, reason: str) -> None:
    attempt.close()


@_Up.upon(SlotLifecycle.hung).to(_Killing)
def _abandon_child(lifecycle: SlotLifecycle, slot: Slot, up: object, reason: str) -> None:
    # Before its exit: a process that waits for a device does not even end by SIGKILL.
    slot.report_hung(reason)


@_Starting.upon(SlotLifecycle.stop).to(_Stopping)
def _stop_starting(lifecycle: SlotLifecycle, slot: Slot, attempt: HandshakeAttempt) -> None:
    attempt.close()


@_Down.upon(SlotLifecycle.window_elapsed).to(_Starting)
def _leave_down(lifecycle: SlotLifecycle, slot: Slot, timer: IDelayedCall) -> None:
    slot.clear_history()


@_Stopped.upon(SlotLifecycle.stop).loop()
def _stay_stopped(lifecycle: SlotLifecycle, slot: Slot) -> None:
    slot.report_stopped()


@_BackingOff.upon(SlotLifecycle.stop).to(_Stopped)
@_Down.upon(SlotLifecycle.stop).to(_Stopped)
def _stop_waiting(lifecycle: SlotLifecycle, slot: Slot, timer: IDelayedCall) -> None:
    _cancel(timer)
    slot.state = "Stopped"
    slot.report_stopped()


@_Stopping.upon(SlotLifecycle.grace_elapsed).loop()
def _kill_stopping(lifecycle: SlotLifecycle, slot: Slot, timer: IDelayedCall) -> None:
    slot.kill_child("it did not exit within the grace period")


@_Stopping.upon(SlotLifecycle.start).loop()
def _request_start(lifecycle: SlotLifecycle, slot: Slot, timer: IDelayedCall) -> None:
    slot.start_pending = True


@_Stopping.upon(SlotLifecycle.stop).loop()
def _withdraw_start(lifecycle: SlotLifecycle, slot: Slot, timer: IDelayedCall) -> None:
    slot.start_pending = False


@_Stopping.upon(SlotLifecycle.exited).to(_Stopped)
def _finish_stop(lifecycle: SlotLifecycle, slot: Slot, timer: IDelayedCall, reason: str) -> None:
    _cancel(timer)
    slot.state = "Stopped"
    slot.report_lost(reason)
    slot.report_stopped()
    if slot.start_pending:
        slot.start_pending = False
        lifecycle.start()


build_slot_lifecycle = _builder.build()
"""Build the machine of a slot: `build_slot_lifecycle(slot)` returns a `SlotLifecycle` in state Stopped."""
