"""The site: channels and requests of our kinds, and one journal entry for every request."""

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.web import http, server
from twisted.web.resource import IResource

from codexd.http.channel import Channel
from codexd.http.request import Request
from codexd.observe.request_log import RequestLogger

if TYPE_CHECKING:
    from codexd.http.guard import Guard


class Site(server.Site):
    """Makes the channels and requests of whoever connects.

    Attributes:
        guard: sees every request by its headers.
        journal: takes every request last.
        clock: for time-outs and durations.
    """

    protocol = Channel  # type: ignore[assignment]
    requestFactory = Request  # type: ignore[assignment]
    noisy = False

    def __init__(
        self, gate: IResource, guard: "Guard", journal: RequestLogger, clock: IReactorTime, idle_seconds: float
    ) -> None:
        super().__init__(gate, timeout=idle_seconds, reactor=clock, parsePOSTFormSubmission=False)
        self.guard = guard
        self.journal = journal
        self.clock = clock

    def startFactory(self) -> None:
        """Open no access log: the journal is one."""

    def stopFactory(self) -> None:
        """Close none."""

    def acceptableProtocols(self) -> list[bytes]:
        """Offer HTTP/1.1 alone where TLS asks (RFC 7301)."""
        return [b"http/1.1"]

    def log(self, request: http.Request) -> None:
        """Write down a request that was answered; Twisted calls this when it is."""
        assert isinstance(request, Request)
        self.close(request)

    def close(self, request: Request) -> None:
        """Write down a request that is over."""
        record = request.record
        if request.startedWriting:
            record.status = request.code
        record.seconds = self.clock.seconds() - record.began
        self.journal.log_request(record)
