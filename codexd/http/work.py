"""An answer in the background: from being queued to the end of it that is kept, whoever is there to see."""

from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from zope.interface import implementer

from codexd.fronts.dialect import DecodedRequest, StorageEncoder
from codexd.http.house import House
from codexd.http.moment import Moment
from codexd.http.transcript import Transcript
from codexd.interfaces import IEventSink, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.stored import ResponseState, StoredResponse
from codexd.observe.request_record import RequestRecord


@implementer(IEventSink)
class Work:
    """One answer that goes on without its client.

    Nobody reads it, so it is never held: it is written down, and viewers follow that. Like `Answer` it only
    takes note of events, and acts in `settle`.

    Args:
        exchange: what is asked.
        keeping: how it is kept.
        house: what every answer needs.
        record: for its own log line, which comes at its end.
        left: called when its end is kept, before anybody is told of it.

    Attributes:
        queued: the store has taken it in, or has failed to (`refused`).
        refused: why it was not taken in.
        transcript: its stream.
        kept: how it was kept last, or was to be.
        over: it is, and kept if it could be.
    """

    def __init__(
        self,
        exchange: DecodedRequest,
        keeping: StorageEncoder,
        house: House,
        record: RequestRecord,
        left: Callable[["Work"], None],
    ) -> None:
        self._exchange = exchange
        self._keeping = keeping
        self._house = house
        self._record = record
        self._left = left
        self._stamp = house.stamp(exchange.turn.model)
        self._encoder = keeping.build_encoder(self._stamp)
        self._fold = Fold()
        self._frames: list[bytes] = []
        self._handle: ITurnHandle | None = None
        self._last: e.Ended | e.Failed | None = None
        self._standing: ResponseState = "queued"
        self._starting = True
        self._said_all = self._ending = self._hopeless = False
        self.queued, self.over = Moment(), Moment()
        self.refused: Fault | None = None
        self.kept = self._end = keeping.encode(Reply(), self._stamp, "queued")
        self.transcript = Transcript(b"".join(self._encoder.queued()))

    @property
    def ignored(self) -> tuple[str, ...]:
        """The request's fields without effect: as the back end says, once it was asked."""
        asked = self._exchange.turn if self._handle is None else self._handle
        return tuple(asked.ignored)

    def start(self) -> None:
        """Be kept as queued, and then begin."""
        self._house.store.save_response(self.kept).addCallbacks(self._begin, self._refuse)

    def so_far(self) -> StoredResponse:
        """Give it as it stands; before its end is kept it has none."""
        reply = evolve(self._fold.build_reply(), finish=None, fault=None)
        return self._keeping.encode(reply, self._stamp, self._standing)

    def stop(self, kind: str) -> None:
        """End it with a fault of this kind, unless it has ended."""
        if self._last is None:
            self._fail(fault(kind))
        self.settle()

    def dismiss(self) -> None:
        """Fail, as the daemon stops (doorman.Guest)."""
        self.stop("shutting_down")

    # Its beginning.

    def _refuse(self, failure: Failure) -> None:
        self.refused = self._house.journal.log_save_failure(failure)
        self._leave()
        self.queued.happen()

    def _begin(self, _: None) -> None:
        self._house.journal.metrics.count("background_started")
        if self._last is None:
            self._ask()
        self.queued.happen()
        self._starting = False
        self.settle()

    def _ask(self) -> None:
        try:
            self._handle = self._house.backend.begin(self._exchange.turn, self)
        except FaultError as refused:
            self._fail(refused.fault)
        except Exception:
            self._broke()

    # What comes from the back end.

    def receive(self, event: e.Event) -> None:
        """Take the next event (IEventSink)."""
        if self._last is not None:
            return
        try:
            self._fold.feed(event)
            if isinstance(event, e.Ended | e.Failed):
                self._last, self._said_all = event, True
            else:
                self._standing = "running"
                self._note(event)
                self.transcript.write(self._encoder.feed(event))
        except Exception:
            self._broke()

    def _note(self, event: e.Event) -> None:
        if self._record.first_event_seconds is None:
            self._record.first_event_seconds = self._seconds()
        if isinstance(event, e.UsageReported):
            self._record.usages.append(event.usage)

    def _broke(self) -> None:
        """End with `internal`, for an exception that is being handled."""
        self._house.journal.log_internal_error(self._record, Failure())
        if self._last is None:
            self._fail(fault("internal"))

    def _fail(self, wrong: Fault) -> None:
        self._last = e.Failed(wrong)
        self._fold.feed(self._last)

    def settle(self) -> None:
        """Let followers read, and keep the end if it has come (IEventSink)."""
        if self._starting or self._ending:
            return
        self.transcript.tell()
        if self._last is not None:
            self._ending = True
            self._stop_model()
            self._keep()

    # Its end.

    def _stop_model(self) -> None:
        if self._handle is not None and not self._said_all:
            self._handle.cancel()

    def _keep(self) -> None:
        maybeDeferred(self._keep_end).addCallbacks(self._finish, self._is_not)

    def _keep_end(self) -> Deferred[None]:
        assert self._last is not None
        self._frames = []
        self._frames = self._encoder.feed(self._last)
        self._end = self._keeping.encode(self._fold.build_reply(), self._stamp)
        return self._house.store.save_response(self._end, b"".join((self.transcript.said, *self._frames)))

    def _is_not(self, failure: Failure) -> None:
        """Make a failure of it, which has to be kept in its place: once more, and not for ever."""
        wrong = self._house.journal.log_save_failure(failure)
        if self._hopeless:
            self._finish()
            return
        self._hopeless = True
        self._fail(wrong)
        self._keep()

    def _finish(self, _: None = None) -> None:
        self.kept = self._end
        self._tell_journal()
        self._leave()

    def _leave(self) -> None:
        self._left(self)
        self.transcript.end(self._frames)
        self.over.happen()
        self._house.doorman.leave(self)

    def _tell_journal(self) -> None:
        record = self._record
        if isinstance(self._last, e.Failed):
            wrong = self._last.fault
            record.outcome = wrong.kind
            if wrong.kind != "cancelled":  # that is nobody's failure
                record.status = wrong.status
        record.seconds = self._seconds()
        record.ignored = self.ignored
        self._house.journal.log_background_response(record)

    def _seconds(self) -> float:
        return self._house.clock.seconds() - self._record.began
