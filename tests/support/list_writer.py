"""A response writer that is neither HTTP nor SSE: it collects events in a list.

A WebSocket writer would send each of them as one message.
"""

from collections.abc import Sequence

from attrs import Factory, define
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from codexd.fronts.dialect import Dialect, StreamEvent
from codexd.interfaces import IBodyWriter, IStreamWriter
from codexd.neutral.fault import Fault


@implementer(IBodyWriter, IStreamWriter)
@define(eq=False, kw_only=True)
class ListWriter:
    """Collects what it is asked to write (a verified fake of both kinds of writers) and checks the order of the calls.

    Attributes:
        dialect: renders the errors.
        room: how many calls of `write` fit into the transport; the one that fills it pauses the producer. None if
            the client reads everything at once.
        opened: the ignored fields `open` was called with.
        calls: the events of each call.
        complete: how the stream ended; None while it has not.
        body: of a response that is not streamed.
        ignored: the ignored fields `send` was called with.
        error: in place of a response.
        error_headers: the headers of that error, in a transport that has any.
        aborted: `abort` was called.
        accepts_excess: `write` and `finish` may be called although the transport is full.
        keepalives: how many signs of life were sent.
        producer: registered by `open`.
    """

    dialect: Dialect
    room: int | None = None
    opened: tuple[str, ...] | None = None
    calls: list[list[StreamEvent]] = Factory(list)
    complete: bool | None = None
    body: bytes | None = None
    ignored: tuple[str, ...] | None = None
    error: bytes | None = None
    error_headers: dict[bytes, bytes] = Factory(dict)
    aborted: bool = False
    accepts_excess: bool = False
    keepalives: int = 0
    producer: IPushProducer | None = None

    @property
    def events(self) -> list[StreamEvent]:
        """All events, in order."""
        return [event for call in self.calls for event in call]

    @property
    def ends(self) -> int:
        """How many ends the client has seen; more than one is a defect of the server."""
        return sum((self.body is not None, self.error is not None, self.complete is not None, self.aborted))

    def send(self, body: bytes, ignored: tuple[str, ...]) -> None:
        self._check_not_ended()
        self.body, self.ignored = body, ignored

    def refuse(self, fault: Fault) -> None:
        self._check_not_ended()
        assert self.opened is None, "refused after it was opened"
        self.error = self.dialect.render_error(fault)
        self.error_headers = dict(self.dialect.error_headers(fault))

    def abort(self) -> None:
        self._check_not_ended()
        self.aborted = True

    def open(self, producer: IPushProducer, ignored: tuple[str, ...]) -> None:
        self._check_not_ended()
        assert self.opened is None, "opened twice"
        self.producer, self.opened = producer, ignored
        if self.room == 0:
            producer.pauseProducing()

    def write(self, events: Sequence[StreamEvent]) -> None:
        self._collect(events)
        if self.room:
            self.room -= 1
            if self.room == 0:
                assert self.producer is not None
                self.producer.pauseProducing()

    def keep_alive(self) -> None:
        self._check_not_ended()
        assert self.room != 0, "the transport is full"
        self.keepalives += 1

    def finish(self, events: Sequence[StreamEvent], complete: bool) -> None:
        self._collect(events)
        self.complete = complete

    def _collect(self, events: Sequence[StreamEvent]) -> None:
        self._check_not_ended()
        assert self.opened is not None, "not opened"
        assert self.room != 0 or not events or self.accepts_excess, "the transport is full"
        self.calls.append(list(events))

    def _check_not_ended(self) -> None:
        assert self.ends == 0, "the response has ended"
