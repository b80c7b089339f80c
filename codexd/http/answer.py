"""One answer, from `begin` to its one end.

The sinks only take note; whatever touches the client or the back end is done by `settle`, once for all the
events of one turn of the reactor.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from codexd.fronts.dialect import DecodedRequest, ResponseIdentity
from codexd.http.heading import set_heading
from codexd.http.heartbeat import Heartbeat
from codexd.http.house import House
from codexd.http.kept import Kept
from codexd.http.request import Request
from codexd.http.shape import Shape
from codexd.http.sink import Sink
from codexd.http.streamed import Streamed
from codexd.http.whole import Whole
from codexd.interfaces import ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.observe.request_record import CLIENT_GONE, OK


class Answer:
    """One request's answer: of all its choices, if it asks for several."""

    def __init__(self, house: House, request: Request, exchange: DecodedRequest) -> None:
        self._house = house
        self._request = request
        self._record = request.record
        self._exchange = exchange
        self._sinks = [Sink(self, choice) for choice in range(len(exchange.turns))]
        self._handles: list[ITurnHandle] = []
        self._begun: set[int] = set()
        self._done: Deferred[bytes | None] = Deferred(self._client_gone)
        self._error: Fault | None = None
        self._starting = True
        self._over = self._hopeless = self._keeping = self._ended = self._dismissed = False
        self._held: tuple[ITurnHandle, ...] = ()
        self._heartbeat: Heartbeat | None = None
        self._shape = self._shaped(house.stamp(exchange.turn.model))

    def _shaped(self, stamp: ResponseIdentity) -> Shape:
        house, request, exchange = self._house, self._request, self._exchange
        shape: Shape = (
            Streamed(request, exchange.build_encoder(stamp), house.clock, house.limits, self)
            if exchange.stream
            else Whole(request, exchange, stamp, self)
        )
        keeping = exchange.storage
        return shape if keeping is None else Kept(shape, keeping, stamp, house, self)

    def begin(self) -> Deferred[bytes | None]:
        """Ask the back end; fires when all is over, with the body that is still to be written, if any.

        Cancel it when the client is gone.

        Raises:
            FaultError: `shutting_down`.
        """
        house = self._house
        house.doorman.enter(self)
        if self._exchange.stream:
            self._heartbeat = Heartbeat(house.clock, house.settings.keepalive_seconds, self._silence)
        for choice, sink in enumerate(self._sinks):
            if not self._over:
                self._begin_one(choice, sink)
        self._starting = False
        self.settle()
        return self._done

    def _begin_one(self, choice: int, sink: Sink) -> None:
        try:
            self._handles.append(self._house.backend.begin(self._exchange.turns[choice], sink))
        except FaultError as refused:
            self._fail(refused.fault, choice)
        except Exception:
            self._broke()

    # What comes from the back end: noted, not acted upon.

    def take(self, event: e.Event, choice: int) -> None:
        """Take the next event of a choice."""
        if self._over:
            return
        try:
            taking = _TAKES.get(type(event))
            if taking is None:
                self._shape.feed(event, choice)
            else:
                taking(self, event, choice)
        except Exception:
            self._broke()

    def _began(self, event: e.Began, choice: int) -> None:
        if self._record.first_event_seconds is None:
            self._record.first_event_seconds = self._house.clock.seconds() - self._record.began
        if choice not in self._begun:
            self._begun.add(choice)
            self._shape.feed(event, choice)

    def _counted(self, event: e.UsageReported, choice: int) -> None:
        self._record.usages.append(event.usage)
        self._shape.feed(event, choice)

    def _choice_ended(self, event: e.Ended, choice: int) -> None:
        self._shape.feed(event, choice)
        self._sinks[choice].over = True
        self._over = all(sink.over for sink in self._sinks)

    def _choice_failed(self, event: e.Failed, choice: int) -> None:
        self._sinks[choice].over = True
        self._fail(event.fault, choice)

    def _fail(self, wrong: Fault, choice: int = 0) -> None:
        """End with an error: inside the answer if it is open, else in its place."""
        self._over = True
        self._record.outcome = wrong.kind
        if not self._shape.opened:
            self._error = wrong
            return
        try:
            self._shape.feed(e.Failed(wrong), choice)
        except Exception:
            self._broke()

    def _broke(self) -> None:
        """End with `internal`, for an exception that is being handled."""
        self._house.journal.log_internal_error(self._record, Failure())
        if self._over and self._shape.opened:
            self._hopeless = True  # it broke over its very end, which cannot be told any more
        else:
            self._fail(fault("internal"))

    def _silence(self) -> None:
        """Keep the client's patience: open the stream if nothing has, and say something meaningless."""
        if self._over and not self._keeping:
            return  # the flush that ends it is on its way
        try:
            if not self._shape.opened:
                for choice in range(len(self._sinks)):
                    self._begun.add(choice)
                    self._shape.feed(e.Began(), choice)
            self._shape.keepalive()
        except Exception:
            self._broke()
        self.settle()

    # What touches the client and the back end.

    def settle(self) -> None:
        """Write what is waiting, and end what is over."""
        if self._starting or self._ended:
            return
        try:
            if self._shape.settle() and self._heartbeat is not None:
                self._heartbeat.touch()
            if self._over:
                self._stop_model()
                self._keeping = not (self._hopeless or self._error or self._shape.kept())
                if not (self._keeping or self._ended):
                    self._end()
        except Exception:
            self._broke()
            self._hopeless = self._shape.opened
            self._end()

    def _end(self) -> None:
        self._let_go()
        if self._hopeless:
            self._hang_up()
        elif self._error is not None:
            self._settle(self._request.refuse(self._error))
        else:
            self._shape.end(self._settle)
            self._hurry()

    def _settle(self, body: bytes | None) -> None:
        self._done.callback(body)
        self._house.doorman.leave(self)

    def not_kept(self, wrong: Fault) -> None:
        """Fail: the store did (kept.Waiter)."""
        self._fail(wrong)
        self.settle()

    def head(self) -> None:
        """Set the headers that every answer has (shape.Host)."""
        set_heading(self._request, (name for handle in self._handles for name in handle.ignored))

    def pause(self) -> None:
        """Hold the model: this client is behind (outlet.Keeper)."""
        self._house.journal.metrics.count("reader_held")
        self._held = tuple(self._running())
        for handle in self._held:
            handle.pause()

    def resume(self) -> None:
        """Let the model go on (outlet.Keeper). Idempotent."""
        held, self._held = self._held, ()
        for handle in held:
            handle.resume()

    def cut(self) -> None:
        """Give up a client that does not read (outlet.Keeper)."""
        self._record.outcome = "slow_reader"
        self._house.journal.metrics.count("reader_cut")
        self._hang_up()

    def dismiss(self) -> None:
        """Fail, as the daemon stops (doorman.Guest); a client that will not hear it then is cut."""
        self._dismissed = True
        if not self._over:
            self._fail(fault("shutting_down"))
        self.settle()
        self._hurry()

    def _hurry(self) -> None:
        if self._dismissed and self._ended and not self._done.called:
            self._hang_up()

    def _client_gone(self, done: Deferred[bytes | None]) -> None:
        if self._record.outcome == OK:
            self._record.outcome = CLIENT_GONE
            self._house.journal.metrics.count("client_gone")
        self._let_go()
        self._shape.discard()
        self._house.doorman.leave(self)

    def _hang_up(self) -> None:
        """Give the client up."""
        self._let_go()
        self._shape.discard()
        self._request.hang_up()

    def _let_go(self) -> None:
        """Stop everything that would still act, the model first. Idempotent."""
        self._over = self._ended = True
        self._stop_model()
        if self._heartbeat is not None:
            self._heartbeat.stop()

    def _stop_model(self) -> None:
        self.resume()
        for handle in self._running():
            handle.cancel()
        for sink in self._sinks:
            sink.over = True

    def _running(self) -> Iterator[ITurnHandle]:
        return (handle for handle, sink in zip(self._handles, self._sinks, strict=False) if not sink.over)


_TAKES: Final[dict[type, Callable[[Answer, Any, int], None]]] = {
    e.Began: Answer._began,
    e.UsageReported: Answer._counted,
    e.Ended: Answer._choice_ended,
    e.Failed: Answer._choice_failed,
}
