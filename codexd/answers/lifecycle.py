"""The lifecycle of an answer as one state machine, for foreground, stored and background answers alike.

Whether an answer is not stored, is stored with its end, or is a background answer, which is also stored as queued, and
whether a client is attached to it are properties of `codexd.answers.answer.Answer`. They decide which inputs come:
`queue` before `begin`, `save` before `deliver`.
docs/answers.md shows this table as a drawing, which a test compares with it.
"""

from typing import Final, Literal, Protocol

from automat import TypeMachineBuilder

from codexd.neutral.fault import Fault

AnswerState = Literal["New", "Queued", "Running", "Saving", "Delivering", "Over"]
"""The state of an answer, by its name in the drawing."""


class AnswerLifecycle(Protocol):
    """The inputs: what can happen to an answer."""

    def queue(self) -> None:
        """Store the answer before the model is asked."""

    def begin(self) -> None:
        """Ask the model."""

    def reject(self) -> None:
        """The store did not accept the queued answer."""

    def save(self) -> None:
        """The end is known and must be stored before it is sent."""

    def deliver(self) -> None:
        """The end is stored, or is not to be stored."""

    def delivered(self) -> None:
        """The client's transport has accepted everything, or there is no client."""

    def client_disconnected(self) -> None:
        """The client has disconnected, or was disconnected."""

    def stop(self, fault: Fault) -> None:
        """End the answer early: it was cancelled, or the daemon stops."""

    def abandon(self) -> None:
        """End the answer without the store, which has not stored it in time: the daemon stops."""

    def discard(self) -> None:
        """The client has disconnected and nothing is to be stored."""


class AnswerActions(Protocol):
    """The outputs: what the machine does with an answer."""

    def enter(self, state: AnswerState) -> None:
        """Set the state."""

    def save_queued(self) -> None:
        """Store the answer as queued, then `begin` or `reject`."""

    def begin_turns(self) -> None:
        """Ask the back end for every choice."""

    def settle(self) -> None:
        """Send what was received; at the end `save` or `deliver`."""

    def stop_model(self) -> None:
        """Cancel the turns that have not ended. Idempotent."""

    def save_end(self) -> None:
        """Store the answer with its end, then `deliver`, or `save` again with a failure."""

    def deliver_end(self) -> None:
        """Send the end, then `delivered` once the client's transport has accepted it."""

    def fail(self, fault: Fault) -> None:
        """Make this fault the end, unless the end is known."""

    def fail_unsaved(self) -> None:
        """Make `shutting_down` the end, in place of the one that is not stored, then `deliver`."""

    def reject_unsaved(self) -> None:
        """Make `shutting_down` the rejection of an answer that is not stored as queued, then `reject`."""

    def detach(self) -> None:
        """Stop sending: there is no client any more."""

    def save_or_discard(self) -> None:
        """Continue after the client has disconnected: `save` what was sent to it, or `discard`."""

    def forbid_waiting(self) -> None:
        """Once the end is recorded, send the rest without waiting for a slow client."""

    def close(self) -> None:
        """Release everything and report the answer as over."""


# What entering a state does.


def _queued(lifecycle: AnswerLifecycle, answer: AnswerActions) -> None:
    answer.enter("Queued")
    answer.save_queued()


def _running(lifecycle: AnswerLifecycle, answer: AnswerActions) -> None:
    # Turns can end while they begin: Automat runs inputs that come during a transition after this function returns.
    answer.begin_turns()
    answer.enter("Running")
    answer.settle()


def _saving(lifecycle: AnswerLifecycle, answer: AnswerActions) -> None:
    answer.enter("Saving")
    answer.stop_model()
    answer.save_end()


def _delivering(lifecycle: AnswerLifecycle, answer: AnswerActions) -> None:
    answer.enter("Delivering")
    answer.stop_model()
    answer.deliver_end()


def _over(lifecycle: AnswerLifecycle, answer: AnswerActions) -> None:
    answer.enter("Over")
    answer.stop_model()
    answer.close()


_builder = TypeMachineBuilder(AnswerLifecycle, AnswerActions)  # type: ignore[type-abstract]

_New = _builder.state("New")
_Queued = _builder.state("Queued", _queued)
_Running = _builder.state("Running", _running)
_Saving = _builder.state("Saving", _saving)
_Delivering = _builder.state("Delivering", _delivering)
_Over = _builder.state("Over", _over)

# Transitions without an action of their own.

_New.upon(AnswerLifecycle.queue).to(_Queued).returns(None)
_New.upon(AnswerLifecycle.begin).to(_Running).returns(None)
_Queued.upon(AnswerLifecycle.begin).to(_Running).returns(None)
_Queued.upon(AnswerLifecycle.reject).to(_Over).returns(None)
_Running.upon(AnswerLifecycle.save).to(_Saving).returns(None)
_Running.upon(AnswerLifecycle.deliver).to(_Delivering).returns(None)
_Running.upon(AnswerLifecycle.discard).to(_Over).returns(None)
_Saving.upon(AnswerLifecycle.deliver).to(_Delivering).returns(None)
_Delivering.upon(AnswerLifecycle.delivered).to(_Over).returns(None)
for _stored_or_not in (_Running, _Delivering, _Over):
    _stored_or_not.upon(AnswerLifecycle.abandon).loop().returns(None)

# Transitions with one.


@_Saving.upon(AnswerLifecycle.save).loop()
def _save_again(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object) -> None:
    answer.save_end()


@_Saving.upon(AnswerLifecycle.client_disconnected).loop()
def _detach_saving(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object) -> None:
    answer.detach()


@_Running.upon(AnswerLifecycle.client_disconnected).loop()
def _detach_running(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object) -> None:
    answer.detach()
    answer.save_or_discard()


@_Delivering.upon(AnswerLifecycle.client_disconnected).to(_Over)
def _detach_delivering(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object) -> None:
    answer.detach()


@_Queued.upon(AnswerLifecycle.stop).loop()
def _fail(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object, fault: Fault) -> None:
    answer.fail(fault)


@_Running.upon(AnswerLifecycle.stop).loop()
def _stop(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object, fault: Fault) -> None:
    answer.fail(fault)
    answer.forbid_waiting()
    answer.settle()


@_Saving.upon(AnswerLifecycle.stop).loop()
@_Delivering.upon(AnswerLifecycle.stop).loop()
def _forbid_waiting(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object, fault: Fault) -> None:
    answer.forbid_waiting()


@_Queued.upon(AnswerLifecycle.abandon).loop()
def _reject_queued(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object) -> None:
    answer.reject_unsaved()


@_Saving.upon(AnswerLifecycle.abandon).loop()
def _deliver_unsaved(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object) -> None:
    answer.fail_unsaved()


# What comes late changes nothing.

for _late in (AnswerLifecycle.delivered, AnswerLifecycle.client_disconnected, AnswerLifecycle.discard):
    _Over.upon(_late).loop().returns(None)


@_Over.upon(AnswerLifecycle.stop).loop()
def _ignore(lifecycle: AnswerLifecycle, answer: AnswerActions, data: object, fault: Fault) -> None:
    pass


build_answer_lifecycle: Final = _builder.build()
"""Make the lifecycle of an answer: `build_answer_lifecycle(answer)` returns an `AnswerLifecycle` in state New."""
