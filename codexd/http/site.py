"""The site: makes channels and requests of codexd's classes, and logs every request once."""

from typing import TYPE_CHECKING, Any

from attrs import frozen
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web import http, server
from twisted.web.resource import IResource

from codexd.context import RequestRecord
from codexd.http.channel import Channel
from codexd.http.connection_limit import ConnectionLimit
from codexd.http.connections import Connections
from codexd.http.key_access import REFUSALS
from codexd.http.request import Request
from codexd.observe.request_log import RequestLogger
from codexd.policy.account_limits import AccountState
from codexd.policy.byte_budget import ByteBudget
from codexd.policy.flow import FlowLimits
from codexd.policy.key_meter import Charge

if TYPE_CHECKING:
    from codexd.http.auth import Authenticator


@frozen(kw_only=True)
class MemoryLimits:
    """What clients can make the server keep in memory.

    Attributes:
        received: the budget of request bodies, until their requests are over.
        unsent: the budget of responses that wait for their clients.
        flow: what one slow client is granted.
    """

    received: ByteBudget
    unsent: ByteBudget
    flow: FlowLimits


class Site(server.Site):
    """The HTTP server factory.

    Attributes:
        authenticator: identifies callers as soon as their headers are here.
        request_log: logs every request at its end.
        clock: for timeouts and durations.
        connections: the open connections.
        memory: the limits of what clients can make the server keep.
        limit: of their number; by default there is none.
        account: what is known of the account of Codex; None if there is none.
    """

    account: AccountState | None = None

    protocol = Channel  # type: ignore[assignment]
    requestFactory = Request  # type: ignore[assignment]
    noisy = False

    def __init__(
        self,
        root: IResource,
        authenticator: "Authenticator",
        request_log: RequestLogger,
        clock: IReactorTime,
        idle_seconds: float,
        connections: Connections,
        memory: MemoryLimits,
        limit: ConnectionLimit | None = None,
    ) -> None:
        super().__init__(root, timeout=idle_seconds, reactor=clock, parsePOSTFormSubmission=False)
        self.authenticator = authenticator
        self.request_log = request_log
        self.clock = clock
        self.connections = connections
        self.memory = memory
        self.limit = limit or ConnectionLimit(0, clock.seconds, request_log.metrics.count)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Return the channel of a new connection; None closes it at once, because there are too many."""
        return super().buildProtocol(addr) if self.limit.accept() else None

    def startFactory(self) -> None:
        """Open no access log: the request log is one."""

    def stopFactory(self) -> None:
        """Close no access log."""

    def acceptableProtocols(self) -> list[bytes]:
        """Offer only HTTP/1.1 over TLS (RFC 7301)."""
        return [b"http/1.1"]

    def log(self, request: http.Request) -> None:
        """Log a request whose response is complete; called by Twisted."""
        assert isinstance(request, Request)
        self.log_request(request)

    def log_request(self, request: Request) -> None:
        """Log a request that is over."""
        record = request.record
        record.sent_bytes = request.sentLength
        if request.startedWriting:
            record.status = request.code
        request.note_sent()
        record.seconds = self.clock.seconds() - record.began
        if request.charge is not None:
            self._close_charge(request.charge, record)
        self.request_log.log_request(record)

    def _close_charge(self, charge: Charge, record: RequestRecord) -> None:
        charge.close()
        reason = REFUSALS.get(record.outcome)
        if reason is not None:
            self.request_log.metrics.count_key_refusal(charge.meter.policy.name, reason)
