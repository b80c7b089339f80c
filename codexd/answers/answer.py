"""One answer: its turns, the events it has received, who reads them, and where it is stored.

The sinks only record. Whatever touches the client, the store or the back end is done by `settle`, once for all the
events of one reactor iteration, and by the lifecycle.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

from twisted.python.failure import Failure

from codexd.answers.choice_sink import ChoiceSink
from codexd.answers.delivery import BodyDelivery, Delivery
from codexd.answers.dependencies import AnswerDependencies
from codexd.answers.event_runs import EventRuns
from codexd.answers.lifecycle import AnswerState, build_answer_lifecycle
from codexd.answers.one_shot_event import OneShotEvent
from codexd.answers.recording import Recording
from codexd.answers.storage import AnswerStorage
from codexd.answers.stream_delivery import StreamDelivery
from codexd.context import CLIENT_DISCONNECTED, OK, RequestContext
from codexd.fronts.dialect import DecodedRequest, Encoder, StreamEvent
from codexd.interfaces import IBodyWriter, IStreamWriter, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.reply import Fold
from codexd.neutral.stored import StoredResponse
from codexd.neutral.turn import Turn
from codexd.observe.histogram import Observations
from codexd.policy.byte_budget import BudgetAccount
from codexd.timeline import Step

_SHUTTING_DOWN: Final = fault("shutting_down")


class Answer:
    """The answer to one request, with all its choices (`codexd.answers.lifecycle.AnswerActions`).

    Args:
        dependencies: shared by all answers.
        context: of the request.
        decoded: the request.
        writer: to the client; an IStreamWriter for a streamed answer; None for a background answer, which is read
            from its recording.

    Attributes:
        lifecycle: its state machine.
        state: the machine's state.
        recording: the events of its stream.
        storage: stores it; None if it is not stored.
        decided: fires when the turns were begun, or a background answer was rejected (`rejection`).
        rejection: why a background answer could not be stored as queued; None unless it was rejected.
        over: fires when the answer is over, and stored if it could be.
    """

    def __init__(
        self,
        dependencies: AnswerDependencies,
        context: RequestContext,
        decoded: DecodedRequest,
        writer: IBodyWriter | IStreamWriter | None,
    ) -> None:
        self._dependencies = dependencies
        self._decoded = decoded
        self.context = context
        self.identity = dependencies.identity(decoded.turn.model)
        self.storage: AnswerStorage | None = None
        if decoded.storage is not None:
            store = dependencies.store.for_request(context.id)
            self.storage = AnswerStorage(decoded.storage, store, self.identity)
        self._in_background = self.storage is not None and self.storage.in_background
        self._folds = tuple(Fold() for _ in decoded.turns)
        self._sinks = tuple(ChoiceSink(self, choice) for choice in range(len(decoded.turns)))
        self._handles: list[ITurnHandle] = []
        self._paused: tuple[ITurnHandle, ...] = ()
        self._begun: set[int] = set()
        self._end: tuple[e.Ended | e.Failed, int] | None = None
        self._model_stopped = False
        self._events = EventRuns(context.record.timeline)
        self._pause: Step | None = None
        self._storing: Step | None = None
        self._gaps: Observations | None = None  # from the first event on
        self._output_at = 0.0
        self._was_opened = False  # whether the client that has disconnected had received the headers of a stream
        self.state: AnswerState = "New"
        self.decided, self.over = OneShotEvent(), OneShotEvent()
        self.rejection: Fault | None = None
        self.recording = Recording(retain=self._in_background)
        self._encoder = self._build_encoder()
        self._feeds_folds = self.storage is not None or self._encoder is None or self._encoder.reads_folds
        self.lifecycle = build_answer_lifecycle(self)
        self._has_client = writer is not None
        self._delivery = self._deliver_to(writer)

    def _build_encoder(self) -> Encoder | None:
        """Build the encoder of the stream; a background answer always has one, which begins with `queued`."""
        if self.storage is not None and self._in_background:
            encoder = self.storage.encoder.build_encoder(self.identity, self._folds)
            self.recording.append(encoder.queued())
            return encoder
        return self._decoded.build_encoder(self.identity, self._folds) if self._decoded.stream else None

    def _deliver_to(self, writer: Any) -> Delivery:
        if writer is None:
            return Delivery(self.delivered)
        if not self._decoded.stream:
            return BodyDelivery(writer, self._render, lambda: self.ignored, self.delivered)
        needs = self._dependencies
        return StreamDelivery(
            recording=self.recording,
            position=0,
            writer=writer,
            owner=self,
            clock=needs.clock,
            limits=needs.flow_limits,
            account=BudgetAccount(needs.unsent, self.context.principal),
            keepalive_seconds=needs.keepalive_seconds,
        )

    # What it is.

    @property
    def id(self) -> str:
        """The id of a stored answer that clients receive (`resp_...`)."""
        assert self.storage is not None
        assert self.storage.stored is not None
        return self.storage.stored.id

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request's fields without effect: as the back ends report them, once they were asked."""
        asked: Sequence[Turn | ITurnHandle] = self._handles or [self._decoded.turn]
        return tuple(dict.fromkeys(name for one in asked for name in one.ignored))

    @property
    def _opened(self) -> bool:
        """Whether the status is decided to be 200: a failure from here on is part of the answer.

        The delivery may be opened without an event, by a keep-alive in a dialect that has none for `Began`.
        """
        return self._in_background or self.recording.length > 0 or self._delivery.opened

    def snapshot(self) -> StoredResponse:
        """Return a background answer as it stands; it has no end before that is stored."""
        assert self.storage is not None
        assert self.storage.stored is not None
        if self.state in ("Delivering", "Over"):
            return self.storage.stored
        return self.storage.snapshot(self._folds[0], bool(self._begun))

    # Its start.

    def start(self) -> None:
        """Start the answer.

        Raises:
            FaultError: `shutting_down`, or `busy` for one background answer too many.
        """
        if self._in_background:
            self._dependencies.active.add_background(self.id, self)
            self.lifecycle.queue()
        else:
            self._dependencies.active.add(self)
            self._delivery.start()
            self.lifecycle.begin()

    def save_queued(self) -> None:
        """Store the answer as queued, then ask the model (AnswerActions)."""
        assert self.storage is not None
        self._storing = self.context.record.timeline.begin("store", "queued")
        self.storage.save_queued().addCallbacks(self._accepted, self._rejected)

    def _accepted(self, _: None) -> None:
        self._end_storing("ok")
        if self.state != "Queued":  # abandoned meanwhile
            return
        self._dependencies.request_log.metrics.count("background_started")
        self.lifecycle.begin()

    def _rejected(self, failure: Failure) -> None:
        self._end_storing("store_failed")
        if self.state != "Queued":
            return
        self.rejection = self._dependencies.request_log.log_save_failure(failure, self.context.id)
        self.lifecycle.reject()

    def begin_turns(self) -> None:
        """Ask the back end for every choice (AnswerActions)."""
        for choice, sink in enumerate(self._sinks):
            if self._end is None:
                self._begin_turn(choice, sink)
        self.decided.fire()

    def _begin_turn(self, choice: int, sink: ChoiceSink) -> None:
        turn = self._decoded.turns[choice]
        try:
            self._handles.append(self._dependencies.backend.begin(turn, self.context, sink))
        except FaultError as error:
            self.fail(error.fault, choice)
        except Exception:
            self._on_defect()

    # Events from the back end, which are only recorded.

    def receive(self, event: e.Event, choice: int) -> None:
        """Record the next event of a choice."""
        if self._end is not None:
            return
        try:
            self._events.add(event)
            special = _RECEIVERS.get(type(event))
            if special is None:  # the hot path
                self._record(event, choice)
            else:
                special(self, event, choice)
        except Exception:
            self._on_defect()

    def _record(self, event: e.Event, choice: int) -> None:
        if self._feeds_folds:
            self._folds[choice].feed(event)
        if self._encoder is not None:
            self.recording.append(self._encoder.feed(event, choice))

    def _receive_began(self, event: e.Began, choice: int) -> None:
        record = self.context.record
        if record.first_event_seconds is None:
            record.first_event_seconds = self._seconds()
        if choice not in self._begun:
            self._begun.add(choice)
            self._record(event, choice)

    def _receive_usage(self, event: e.UsageReported, choice: int) -> None:
        self.context.record.usages.append(event.usage)
        self._record(event, choice)

    def _receive_call(self, event: e.CallOpened, choice: int) -> None:
        self.context.record.tool_calls += 1
        self._record(event, choice)

    def _receive_end(self, event: e.Ended, choice: int) -> None:
        """Record the end of a choice; the last one ends the answer and is sent by the lifecycle."""
        self._sinks[choice].closed = True
        if not all(sink.closed for sink in self._sinks):
            self._record(event, choice)
            return
        self._folds[choice].feed(event)
        self._end = (event, choice)

    def _receive_failure(self, event: e.Failed, choice: int) -> None:
        self._sinks[choice].closed = True
        self.fail(event.fault, choice)

    def fail(self, fault: Fault, choice: int = 0) -> None:
        """Make this fault the end, unless the end is known (AnswerActions)."""
        if self._end is None:
            self._events.add_failure(fault.kind)
            self.context.record.outcome, self.context.record.note = fault.kind, fault.note or ""
            self._replace_end(fault, choice)

    def _replace_end(self, fault: Fault, choice: int = 0) -> None:
        failed = e.Failed(fault)
        self._folds[choice].feed(failed)
        self._end = (failed, choice)

    def _on_defect(self) -> None:
        """End with `internal`, for an exception that is being handled."""
        self._dependencies.request_log.log_internal_error(self.context.record, Failure())
        self.fail(fault("internal"))

    # Actions on the client and the back end.

    def settle(self) -> None:
        """Act on the received events, and measure the time since the last ones (AnswerActions)."""
        now = self._dependencies.clock.seconds()
        if self._gaps is not None:
            self._gaps.observe(now - self._output_at)
        elif self.context.record.first_event_seconds is not None:
            self._gaps = self._dependencies.request_log.metrics.output_gaps(self.context.record.backend)
        self._output_at = now
        self._settle()

    def _settle(self) -> None:
        """Send what was received; at the end store or deliver the answer."""
        if self.state != "Running":
            return
        self._events.touch()
        if self._end is None:
            self.recording.notify()
        elif self._must_save():
            self.recording.notify()
            if self.state == "Running":  # not if `notify` has disconnected a slow client, which has changed the state
                self.lifecycle.save()
        else:
            self.lifecycle.deliver()

    def _must_save(self) -> bool:
        """Return whether the end is stored: a failure before the first stream event is not part of an answer."""
        assert self._end is not None
        return self.storage is not None and (self._opened or isinstance(self._end[0], e.Ended))

    def stop_model(self) -> None:
        """Cancel the turns that have not ended (AnswerActions). Idempotent."""
        if self._model_stopped:
            return
        self._model_stopped = True
        self.resume()
        running = tuple(self._running())
        for sink in self._sinks:
            sink.closed = True
        for handle in running:
            handle.cancel()

    def pause(self) -> None:
        """Pause the model: the client is too slow (DeliveryOwner)."""
        self._dependencies.request_log.metrics.count("client_paused")
        self.context.record.model_pauses += 1
        if self._pause is None:
            self._pause = self.context.record.timeline.begin("paused")
        self._paused = tuple(self._running())
        for handle in self._paused:
            handle.pause()

    def resume(self) -> None:
        """Resume the model (DeliveryOwner). Idempotent."""
        paused, self._paused = self._paused, ()
        if self._pause is not None:
            self.context.record.timeline.end(self._pause)
            self._pause = None
        for handle in paused:
            handle.resume()

    def _running(self) -> Iterator[ITurnHandle]:
        pairs = zip(self._handles, self._sinks, strict=False)
        return (handle for handle, sink in pairs if not sink.closed)

    def keep_alive(self) -> None:
        """Send a keep-alive; it opens the stream if nothing has (DeliveryOwner)."""
        if self.state == "Saving" or (self.state == "Running" and self._end is None):
            try:
                self._send_keep_alive()
            except Exception:
                self._on_defect()
            self._settle()

    def _send_keep_alive(self) -> None:
        assert self._encoder is not None
        assert isinstance(self._delivery, StreamDelivery)
        if not self._opened:
            for choice in range(len(self._sinks)):
                self._begun.add(choice)
                self._record(e.Began(), choice)
            self.recording.notify()
        if self._delivery.has_backlog:
            return
        keepalive = self._encoder.keep_alive()
        if keepalive is None:
            self._delivery.keep_alive()
        else:
            self.recording.append([keepalive])
            self.recording.notify()

    # Its end.

    def save_end(self) -> None:
        """Store the answer with its end (AnswerActions)."""
        assert self.storage is not None
        self._storing = self.context.record.timeline.begin("store", "end")
        saving = self.storage.save_end(self._folds[0], self.recording, self._encode_end)
        saving.addCallbacks(self._saved, self._not_saved)

    def _end_storing(self, status: str) -> None:
        if self._storing is not None:
            self.context.record.timeline.end(self._storing, status)
            self._storing = None

    def _saved(self, _: None) -> None:
        self._end_storing("ok")
        if self.state == "Saving":  # else it was abandoned meanwhile
            self.lifecycle.deliver()

    def _not_saved(self, failure: Failure) -> None:
        """Replace the end by the store's fault; store a background answer again as failed, once."""
        self._end_storing("store_failed")
        wrong = self._dependencies.request_log.log_save_failure(failure, self.context.id)
        if self.state != "Saving":
            return
        assert self._end is not None
        assert self.storage is not None
        save_again = self._in_background and self.storage.attempts == 1
        if save_again or (self._has_client and isinstance(self._end[0], e.Ended)):
            self._replace_end(wrong)
            self.context.record.outcome = wrong.kind
        if save_again:
            self.lifecycle.save()
        else:
            self.lifecycle.deliver()

    def _encode_end(self) -> list[StreamEvent]:
        assert self._end is not None
        return [] if self._encoder is None else self._encoder.feed(*self._end)

    def deliver_end(self) -> None:
        """Send the end (AnswerActions)."""
        try:
            self._deliver_end()
        except Exception:
            self._dependencies.request_log.log_internal_error(self.context.record, Failure())
            self._deliver_defect()

    def _deliver_end(self) -> None:
        assert self._end is not None
        event, _ = self._end
        if self._in_background:
            self.lifecycle.delivered()
        elif isinstance(event, e.Failed) and not self._opened:
            self._delivery.refuse(event.fault)
        else:
            self.recording.finish(self._encode_end(), _outcome(event))
            self._delivery.finish()

    def _deliver_defect(self) -> None:
        """Send `internal` if no status was sent; else abort the connection."""
        if self._opened:
            self.disconnect("internal")
        else:
            self._delivery.refuse(fault("internal"))

    def _render(self) -> bytes:
        return self._decoded.render(tuple(fold.build_reply() for fold in self._folds), self.identity)

    def delivered(self) -> None:
        """End the answer: the client's transport has accepted everything (DeliveryOwner)."""
        self.lifecycle.delivered()

    def disconnect(self, outcome: str) -> None:
        """Disconnect the client (DeliveryOwner)."""
        record = self.context.record
        if record.outcome == OK:
            record.outcome = outcome
        if outcome == "slow_client":
            self._dependencies.request_log.metrics.count("slow_client")
        self._delivery.abort()
        self.lifecycle.client_disconnected()

    def on_defect(self) -> None:
        """Disconnect the client, for an exception that is being handled (DeliveryOwner)."""
        self._dependencies.request_log.log_internal_error(self.context.record, Failure())
        self.disconnect("internal")

    def client_disconnected(self) -> None:
        """Act on the loss of the client's connection."""
        record = self.context.record
        if self.state != "Over" and record.outcome == OK:
            record.outcome = CLIENT_DISCONNECTED
            self._dependencies.request_log.metrics.count("client_disconnected")
        self.lifecycle.client_disconnected()

    def detach(self) -> None:
        """Stop sending: the client has disconnected (AnswerActions)."""
        self._was_opened = self._delivery.opened
        self._delivery.stop()
        self._delivery = Delivery(self.delivered)
        self._has_client = False

    def save_or_discard(self) -> None:
        """Store what was sent to the client that has disconnected, if the answer is stored (AnswerActions)."""
        if self.storage is None or self._in_background or not self._was_opened:
            self.lifecycle.discard()
            return
        if self._end is None:
            self._replace_end(fault("cancelled"))
        self.lifecycle.save()

    def forbid_waiting(self) -> None:
        """Once the end is recorded, send the rest without waiting for a slow client (AnswerActions)."""
        self._delivery.forbid_waiting()

    def fail_unsaved(self) -> None:
        """Send `shutting_down` in place of the end, which the store has not accepted in time (AnswerActions).

        The store may still accept the first end; it gets this one after it, so that the last one is what was sent.
        """
        self._log_unsaved()
        self.context.record.outcome = _SHUTTING_DOWN.kind
        self._replace_end(_SHUTTING_DOWN)
        self.save_end()
        self.lifecycle.deliver()

    def reject_unsaved(self) -> None:
        """Reject a background answer that the store has not accepted in time (AnswerActions)."""
        self._log_unsaved()
        self.rejection = _SHUTTING_DOWN
        self.lifecycle.reject()

    def _log_unsaved(self) -> None:
        self._dependencies.request_log.log_unsaved(self.context.id)

    def shut_down(self) -> None:
        """End with `shutting_down` (codexd.answers.registry.Drainable)."""
        self.lifecycle.stop(_SHUTTING_DOWN)

    def abandon(self) -> None:
        """End without the store (codexd.answers.registry.Drainable)."""
        self.lifecycle.abandon()

    def displace(self) -> None:
        """End a background answer of a key that has too many, for one of another key."""
        self.lifecycle.stop(fault("busy"))

    def enter(self, state: AnswerState) -> None:
        """Set the machine's state (AnswerActions)."""
        self.state = state

    def close(self) -> None:
        """Release everything and report the answer as over (AnswerActions)."""
        self._delivery.stop()
        if self._in_background:
            self._close_in_background()
        else:
            self._dependencies.active.remove(self)
        self.over.fire()

    def _close_in_background(self) -> None:
        if self.context.charge is not None:
            self.context.charge.close()
        if self.rejection is None:
            self._log()
        self._dependencies.active.remove(self, self.id)
        assert self.storage is not None
        if self._end is not None and self.storage.end_events:
            self.recording.finish(self.storage.end_events, _outcome(self._end[0]))
        else:
            self.recording.finish((), "broken")
        self.decided.fire()

    def _log(self) -> None:
        record = self.context.record
        assert self._end is not None
        event, _ = self._end
        if isinstance(event, e.Failed):
            record.outcome = event.fault.kind
            if event.fault.kind != "cancelled":  # a cancellation is not a failure
                record.status = event.fault.status
        record.seconds = self._seconds()
        record.ignored = self.ignored
        self._dependencies.request_log.log_background_response(record)

    def _seconds(self) -> float:
        return self._dependencies.clock.seconds() - self.context.record.began


def _outcome(event: e.Ended | e.Failed) -> Literal["complete", "failed"]:
    return "complete" if isinstance(event, e.Ended) else "failed"


_RECEIVERS: Final[dict[type, Callable[[Answer, Any, int], None]]] = {
    e.Began: Answer._receive_began,
    e.UsageReported: Answer._receive_usage,
    e.CallOpened: Answer._receive_call,
    e.Ended: Answer._receive_end,
    e.Failed: Answer._receive_failure,
}
