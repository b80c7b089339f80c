"""A response writer that is neither HTTP nor SSE: it keeps events in a list, as a WebSocket writer would send them."""

from collections.abc import Sequence

from attrs import Factory, define
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from codexd.fronts.dialect import Dialect, StreamEvent
from codexd.interfaces import IStreamWriter
from codexd.neutral.fault import Fault


@implementer(IStreamWriter)
@define(eq=False)
class ListWriter:
    """Keeps what it is asked to write (a verified fake of IStreamWriter).

    Attributes:
        dialect: renders the errors.
        opened: the ignored fields `open` was called with.
        calls: the events of each call.
        complete: how the stream ended; None while it has not.
        body: of a whole response.
        error: in place of a response.
        producer: registered by `open`.
    """

    dialect: Dialect
    opened: tuple[str, ...] | None = None
    calls: list[list[StreamEvent]] = Factory(list)
    complete: bool | None = None
    body: bytes | None = None
    error: bytes | None = None
    aborted: bool = False
    keepalives: int = 0
    producer: IPushProducer | None = None

    @property
    def events(self) -> list[StreamEvent]:
        """All events, in order."""
        return [event for call in self.calls for event in call]

    def send(self, body: bytes, ignored: tuple[str, ...]) -> None:
        self.body = body

    def refuse(self, fault: Fault) -> None:
        self.error = self.dialect.render_error(fault)

    def abort(self) -> None:
        self.aborted = True

    def open(self, producer: IPushProducer, ignored: tuple[str, ...]) -> None:
        assert self.opened is None, "opened twice"
        self.producer, self.opened = producer, ignored

    def write(self, events: Sequence[StreamEvent]) -> None:
        assert self.opened is not None, "not opened"
        assert self.complete is None, "finished"
        self.calls.append(list(events))

    def keep_alive(self) -> None:
        self.keepalives += 1

    def finish(self, events: Sequence[StreamEvent], complete: bool) -> None:
        self.write(events)
        self.complete = complete
