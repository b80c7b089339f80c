"""Sends one recording to one client, as fast as the client takes it."""

from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from codexd.answers.delivery import Delivery
from codexd.answers.heartbeat import Heartbeat
from codexd.answers.recording import Recording
from codexd.fronts.dialect import StreamEvent
from codexd.interfaces import IStreamWriter
from codexd.neutral.fault import Fault
from codexd.policy import flow
from codexd.policy.byte_budget import BudgetAccount

_BATCH_BYTES: Final = 64 * 2**10
"""How much of the backlog is written before the transport may report that it is full."""

_BATCH_EVENTS: Final = 64
"""How many events are written at once at most."""

_MIN_SECONDS: Final = 0.001  # a timer that fires a rounding error early must not loop


class DeliveryOwner(Protocol):
    """Whoever started a delivery: a running answer, or a replay."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request's fields without effect."""
        ...

    def pause(self) -> None:
        """Pause the model: this client is too slow."""
        ...

    def resume(self) -> None:
        """Resume the model. Idempotent."""
        ...

    def disconnect(self, outcome: str) -> None:
        """Disconnect this client: `slow_client`, or `internal` if the recording ended in a defect."""
        ...

    def on_defect(self) -> None:
        """Disconnect this client, for an exception that is being handled."""
        ...

    def keep_alive(self) -> None:
        """Send a keep-alive: nothing was written for `keepalive_seconds`."""

    def delivered(self) -> None:
        """Continue: the client's transport has accepted everything."""


@implementer(IPushProducer)
class StreamDelivery(Delivery):
    """One client's position in a recording. The events after it are the client's backlog.

    Args:
        recording: read from `position` on.
        position: number of the first event to send.
        writer: to the client; opened with the first event, or by `open`.
        owner: acts on a slow client and on the end.
        clock: for deadlines.
        limits: how much a slow client is granted.
        account: of its backlog in the budget of unsent bytes. While its principal is over the budget, the client is
            granted no backlog.
        keepalive_seconds: the period after which `owner.keep_alive` is called.
    """

    def __init__(
        self,
        recording: Recording,
        position: int,
        writer: IStreamWriter,
        owner: DeliveryOwner,
        clock: IReactorTime,
        limits: flow.FlowLimits,
        account: BudgetAccount,
        keepalive_seconds: float,
    ) -> None:
        super().__init__(owner.delivered)
        self._recording = recording
        self._position = position
        self._measured = position  # number of the first event whose size `_flow` does not contain
        self._writer = writer
        self._owner = owner
        self._clock = clock
        self._limits = limits
        self._account = account
        self._flow = flow.ClientFlow()
        self._paused = self._closed = self._waiting_forbidden = False
        self._timer: IDelayedCall | None = None
        self._keepalive_seconds = keepalive_seconds

    @property
    def has_backlog(self) -> bool:
        """Whether recorded events were not written yet."""
        return self._position < self._recording.length

    def start(self) -> None:
        """Follow the recording, and watch for silence."""
        self._heartbeat = Heartbeat(self._clock, self._keepalive_seconds, self._owner.keep_alive)
        self._recording.subscribe(self.advance)

    def open(self) -> None:
        """Send the status and the headers, before there is an event."""
        self._open()
        if not self._paused:
            self._writer.write(())

    def advance(self) -> None:
        """Send what was recorded since the last call, as far as the client takes it."""
        if self._closed:
            return
        recording = self._recording
        try:
            needs_flow_control = (
                self._paused
                or self._timer is not None
                or not self.opened
                or recording.outcome is not None
                or recording.retained
            )
            if needs_flow_control:
                self._send()
                self._apply_flow()
            elif self._position < recording.length:  # the hot path, once for every delta
                events = recording.take(self._position)
                self._position = self._measured = recording.length
                self._heartbeat.touch()
                self._writer.write(events)
        except Exception:
            self._owner.on_defect()

    def keep_alive(self) -> None:
        """Send the transport's own keep-alive, unless the client has a backlog; it opens the stream if nothing has."""
        if not self._paused and not self.has_backlog:
            if not self.opened:
                self._open()
            self._heartbeat.touch()
            self._writer.keep_alive()

    def finish(self) -> None:
        """Send the rest, then call `delivered` of the owner once the client's transport has accepted it."""
        self.advance()

    def refuse(self, fault: Fault) -> None:
        """Send an error in place of a stream that was not opened."""
        self.stop()
        self._writer.refuse(fault)
        self.delivered()

    def stop(self) -> None:
        """Stop sending: everything was sent, or the client has disconnected. Idempotent."""
        self._closed = True
        self._heartbeat.stop()
        self._recording.unsubscribe(self.advance)
        self._account.set(0)
        self._stop_timer()

    def forbid_waiting(self) -> None:
        """Once the end is recorded, send the rest without waiting for a slow client.

        What the client does not accept stays in its transport, which the server closes at the end of the drain.
        """
        self._waiting_forbidden = True
        self.advance()

    def abort(self) -> None:
        """Stop sending and abort the connection."""
        self.stop()
        self._writer.abort()

    def pauseProducing(self) -> None:
        """Stop writing: the transport is full (IPushProducer)."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Write again: the transport has room (IPushProducer)."""
        self._paused = False
        self.advance()

    def stopProducing(self) -> None:
        """Stop writing: the connection is closed (IPushProducer). The writer reports that to the owner."""
        self._paused = True
        self._stop_timer()

    def _open(self) -> None:
        self.opened = True
        self._writer.open(self, self._owner.ignored)

    def _send(self) -> None:
        recording = self._recording
        if self._position < recording.length and not self.opened:
            self._open()
        while self._position < recording.length and not self._must_wait and not self._closed:
            self._write(self._take())
        if self._closed:
            return
        if self._position < recording.length:
            self._measure_backlog()
        elif recording.outcome is not None:
            self._end_when_read()

    @property
    def _must_wait(self) -> bool:
        """Whether the client's transport is full; without effect once the end is recorded and waiting is forbidden."""
        return self._paused and not (self._waiting_forbidden and self._recording.outcome is not None)

    def _end_when_read(self) -> None:
        """End the stream; a replay whose last write filled the transport waits until it accepts more."""
        if not (self._must_wait and self._recording.retained) or self._recording.outcome == "broken":
            self._end(())
        elif self._flow.waiting_since is None:
            self._flow = flow.start_waiting(self._flow, self._clock.seconds())

    def _batch(self) -> int:
        """Return how many of the next events are written at once: at least one."""
        size_bytes = count = 0
        for event in self._recording.read(self._position, _BATCH_EVENTS):
            size_bytes += _size([event])
            count += 1
            if size_bytes >= _BATCH_BYTES:
                break
        return count

    def _take(self) -> list[StreamEvent]:
        """Return the next events to send, and subtract them from the backlog."""
        if self._flow.waiting_since is None:
            events = self._recording.take(self._position, self._batch() if self._recording.retained else None)
            self._position = self._measured = self._position + len(events)
            return events
        self._measure_backlog()
        events = self._recording.take(self._position, self._batch())
        self._position += len(events)
        self._flow = flow.dequeue(self._flow, _size(events), self._clock.seconds())
        return events

    def _write(self, events: list[StreamEvent]) -> None:
        self._heartbeat.touch()
        recording = self._recording
        if recording.outcome is not None and self._position == recording.length and not recording.retained:
            self._end(events)
        else:
            self._writer.write(events)

    def _end(self, events: "list[StreamEvent] | tuple[()]") -> None:
        outcome = self._recording.outcome
        if outcome == "broken":
            self._owner.disconnect("internal")
            return
        if not self.opened:
            self._open()
        self._owner.resume()
        self.stop()
        self._writer.finish(events, outcome == "complete")
        self.delivered()

    # A slow client.

    def _measure_backlog(self) -> None:
        """Add the events recorded since the last call to the size of the backlog."""
        events = self._recording.read(self._measured)
        self._measured = self._recording.length
        if events:
            self._flow = flow.enqueue(self._flow, _size(events), self._clock.seconds())

    def _apply_flow(self) -> None:
        """Pause or resume the model, or disconnect the client, as its backlog requires."""
        if self._closed or (self._flow.waiting_since is None and self._flow.paused_since is None):
            if self._timer is not None:
                self._account.set(0)
                self._stop_timer()
            return
        self._account.set(self._flow.backlog_bytes)
        if self._recording.outcome is not None:
            self._flow = flow.finish(self._flow)  # nothing is left to pause
        now = self._clock.seconds()
        limits = flow.without_backlog(self._limits) if self._account.is_over else self._limits
        self._flow, action = flow.decide(self._flow, limits, now)
        if action == "disconnect":
            self._owner.disconnect("slow_client")
            return
        if action == "pause":
            self._owner.pause()
        elif action == "resume":
            self._owner.resume()
        deadline = flow.disconnect_deadline(self._flow, limits)
        if deadline is not None and self._flow.backlog_bytes:
            # Others can use up the budget at any time.
            deadline = min(deadline, now + limits.pause_seconds)
        self._set_timer(deadline)

    def _set_timer(self, when: float | None) -> None:
        """Check again no later than at this time; a timer that fires too early sets itself again."""
        if when is None:
            self._stop_timer()
        elif self._timer is None or self._timer.getTime() > when:
            self._stop_timer()
            wait_seconds = max(when - self._clock.seconds(), _MIN_SECONDS)
            self._timer = self._clock.callLater(wait_seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._apply_flow()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


def _size(events: list[StreamEvent]) -> int:
    return sum(len(name) + len(data) for name, data in events)
