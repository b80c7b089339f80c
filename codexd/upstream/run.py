"""One answer of an upstream: asked for, asked for again while nothing was said, told to its sink, let go."""

from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse
from zope.interface import implementer

from codexd.backs.chat.failures import TOO_LARGE, refusal
from codexd.backs.chat.request import Asked
from codexd.backs.chat.stream import Translator
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral.event import Began, Ended, Event, Failed
from codexd.neutral.fault import Fault, fault
from codexd.observe.log import whereabouts
from codexd.policy.breaker import Permit
from codexd.upstream import failures
from codexd.upstream.body import Collector, Stream
from codexd.upstream.reads import Reads
from codexd.upstream.watch import Deadlines, Watch

_ERROR_BYTES: Final = 64 * 1024
"""What is read of an error's body."""


class Host(Protocol):
    """The upstream a run is of."""

    @property
    def deadlines(self) -> Deadlines:
        """How long what may take."""
        ...

    @property
    def reads(self) -> Reads:
        """The reads of its connections."""
        ...

    @property
    def max_answer_bytes(self) -> int:
        """The largest answer."""
        ...

    def ask(self, body: bytes) -> "Deferred[IResponse]":
        """Send a request."""
        ...

    def permit(self) -> Permit | None:
        """Ask the breaker for leave."""
        ...

    def give_back(self, permit: Permit, kind: str | None) -> None:
        """Tell the breaker how it went: the kind of a fault, None for well, `cancelled` for unknown."""

    def wait_seconds(self, repeated: int, failed: Fault, asked: float) -> float | None:
        """Decide whether to repeat, and when."""
        ...

    def now(self) -> float:
        """Give Unix time in seconds."""
        ...

    def count(self, name: str) -> None:
        """Count something for the metrics."""

    def forget(self, run: "Run", kind: str | None) -> None:
        """The run is over; `kind` as for `give_back`."""


@implementer(ITurnHandle)
class Run:
    """One answer. It starts in the next turn of the reactor: nothing is said before its handle is known.

    Args:
        host: whose it is.
        translator: of the turn, not used yet.
        asked: what it asks.
        permit: leave for the first attempt.
        sink: told everything.
        clock: for timers.

    Attributes:
        ignored: request fields that were not sent.
        over: the end was told, or nobody wants more.
    """

    _log = Logger()

    def __init__(
        self,
        host: Host,
        translator: Translator,
        asked: Asked,
        permit: Permit,
        sink: IEventSink,
        clock: IReactorTime,
    ) -> None:
        self.ignored = asked.ignored
        self.over = False
        self._host = host
        self._body = asked.body
        self._translator = translator
        self._permit: Permit | None = permit
        self._sink = sink
        self._clock = clock
        self._began = self._held = False
        self._repeated = self._received = self._told = 0
        # What is under way: one of a timer, a request, a body.
        self._timer: IDelayedCall | None = clock.callLater(0, self._attempt)
        self._asking: Deferred[Any] | None = None
        self._reading: Stream | Collector | None = None
        self._watch = Watch(clock, host.deadlines, self._late)

    # ITurnHandle

    def cancel(self) -> None:
        """Nobody wants the rest (ITurnHandle)."""
        if not self.over:
            self._settle("cancelled")
            self._abandon()

    def hold(self) -> None:
        """The reader is too slow (ITurnHandle)."""
        if not (self.over or self._held):
            self._held = True
            self._watch.hold()
            if isinstance(self._reading, Stream):
                self._reading.hold()

    def release(self) -> None:
        """The reader has caught up (ITurnHandle)."""
        if self._held and not self.over:
            self._held = False
            self._watch.release()
            if isinstance(self._reading, Stream):
                self._reading.release()

    # One attempt.

    def _attempt(self) -> None:
        self._timer = None
        if self._permit is None:
            self._permit = self._host.permit()
        if self._permit is None:
            self._tell([Failed(fault("unreachable"))])
            return
        self._received = self._told = 0
        self._watch.attempt()
        self._asking = asking = maybeDeferred(self._host.ask, self._body)
        asking.addCallbacks(self._answered, self._unanswered)
        asking.addErrback(self._broke)

    def _answered(self, response: IResponse) -> None:
        self._asking = None
        if 200 <= response.code < 300:
            self._reading = stream = Stream(self, self._clock, self._host.reads)
            response.deliverBody(stream)
            if self._held and self._reading is stream:
                stream.hold()
            return
        asked = failures.asked_seconds(response, self._host.now())
        self._reading = Collector(_ERROR_BYTES, lambda body: self._refused(response.code, body, asked))
        response.deliverBody(self._reading)

    def _unanswered(self, failure: Failure) -> None:
        self._asking = None
        if not self.over:
            self._failed(failures.translate(failure), 0.0)

    def _refused(self, status: int, body: bytes, asked: float | None) -> None:
        self._reading = None
        self._failed(refusal(status, body, asked), asked or 0.0)

    # What comes (body.Reader).

    def heard(self, data: bytes) -> None:
        """Bytes of the answer came; the hot path."""
        self._received += len(data)
        try:
            events = self._translator.receive(data)
            if self._received > self._host.max_answer_bytes:
                events += self._translator.close(TOO_LARGE)
        except Exception:
            self._broke(Failure())
            return
        if self._told != self._translator.heard:
            self._told = self._translator.heard
            self._watch.heard()
        if events:
            self._take(events)

    def ended(self, reason: Failure | None) -> None:
        """The response is over."""
        self._reading = None
        try:
            events = self._translator.close(None if reason is None else failures.cut(reason))
        except Exception:
            self._broke(Failure())
            return
        self._take(events)

    def _take(self, events: list[Event]) -> None:
        first = events[0] if events else None
        if isinstance(first, Failed) and not self._began:
            self._failed(first.fault, 0.0)
        else:
            self._tell(events)

    def _late(self, why: Fault) -> None:
        self._host.count(f"watchdog_{why.kind}")
        # An answer that has all but its end is whole.
        events = self._translator.close(why) or [Failed(why)]
        self._tell(events)

    # What becomes of it.

    def _failed(self, why: Fault, asked: float) -> None:
        """The attempt failed before anything was said: try again, or tell."""
        wait = self._host.wait_seconds(self._repeated, why, asked)
        if wait is None:
            self._tell([Failed(why)])
            return
        # What it says to one request is held against it once: the request may be what it cannot bear.
        self._return_permit(why.kind if why.kind == "unreachable" else "cancelled")
        self._abandon()
        self._host.count("upstream_repeated")
        self._repeated += 1
        self._translator = self._translator.again()
        self._watch.attempt()
        self._timer = self._clock.callLater(wait, self._attempt)

    def _tell(self, events: list[Event]) -> None:
        last = events[-1] if events else None
        if isinstance(last, Ended | Failed):
            self._settle(last.fault.kind if isinstance(last, Failed) else None)
            self._let_go(clean=isinstance(last, Ended))
        for event in events:
            if type(event) is Began:
                self._began = True
                if not self.over:
                    self._watch.begin()
            self._sink.receive(event)
        if events:
            self._sink.flush()

    def _broke(self, failure: Failure) -> None:
        """A defect of ours costs this answer and no more."""
        self._log.error("An answer could not be taken: {where}", where=whereabouts(failure))
        self._host.count("internal_error")
        if not self.over:
            self._tell([Failed(fault("internal"))])

    def _settle(self, kind: str | None) -> None:
        self.over = True
        self._watch.stop()
        self._return_permit(kind)
        self._translator.abort()
        self._host.forget(self, kind)

    def _return_permit(self, kind: str | None) -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            self._host.give_back(permit, kind)

    def _let_go(self, clean: bool) -> None:
        if clean and isinstance(self._reading, Stream):
            self._reading.drain()
            self._reading = None
        else:
            self._abandon()

    def _abandon(self) -> None:
        """Stop whatever is under way."""
        timer, self._timer = self._timer, None
        asking, self._asking = self._asking, None
        reading, self._reading = self._reading, None
        if timer is not None:
            timer.cancel()
        if asking is not None:
            asking.cancel()
        if reading is not None:
            reading.abort()
