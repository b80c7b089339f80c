"""One request: its body counted as it comes and kept in memory, its failures said in JSON."""

from collections.abc import Iterable
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from twisted.python.failure import Failure
from twisted.web import http, server

from codexd.fronts import errors
from codexd.http.channel import Channel
from codexd.http.identity import request_id
from codexd.http.path import canonical
from codexd.neutral.fault import Fault, fault
from codexd.observe.request_record import CLIENT_GONE, OK, RequestRecord
from codexd.policy.auth import Principal

if TYPE_CHECKING:
    from codexd.http.site import Site

JSON: Final = b"application/json"
_RENAMED: Final = {413: "Content Too Large"}
"""RFC 9110's reason phrases, where older Pythons have another."""

_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))


class Request(server.Request):
    """One request as the routes see it.

    Attributes:
        record: what is remembered of it.
        principal: who asks; None for nobody known.
        oversized: its body was too large and is not here.
    """

    channel: Channel
    site: "Site"
    content: BytesIO
    defaultContentType = JSON
    principal: Principal | None = None
    oversized = False
    _room_bytes = 0
    _arrived = False

    def __init__(self, channel: Channel, *args: Any) -> None:
        super().__init__(channel, *args)
        self.record = RequestRecord()

    # Its coming.

    def gotLength(self, length: int | None) -> None:
        """Make room for the body, in memory and never on a disk; None: its length is not announced."""
        self.content = BytesIO()
        self._room_bytes = self.channel.site.guard.welcome(self)
        if length is not None and length > self._room_bytes:
            self.requestHeaders.removeHeader(b"expect")  # nobody is asked to go on
            self._overflow()

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body while there is room."""
        self._room_bytes -= len(data)
        if self._room_bytes >= 0:
            self.content.write(data)
        elif not self.oversized:
            self._overflow()

    def _overflow(self) -> None:
        self.oversized = True
        self.content = BytesIO()
        self.setHeader(b"connection", b"close")
        self.channel.drop_rest()

    def process(self) -> None:
        """Answer: the body is here, or is known to be too large."""
        self.site, self._arrived = self.channel.site, True
        record = self.record
        record.id = request_id(self.getHeader(b"x-request-id"))
        record.method = self.method.decode() if self.method in _METHODS else "other"
        record.began = self.site.clock.seconds()
        self.prepath = []
        self.postpath = canonical(self.path).encode().split(b"/")[1:]
        self.set_headers(
            (
                (b"server", b"codexd"),
                (b"date", http.datetimeToString()),
                (b"x-request-id", record.id.encode()),
            )
        )
        try:
            self.site.resource.render(self)
        except Exception:
            self.processingFailed(Failure())

    def getRequestHostname(self) -> bytes:
        """Give one name for all: routes do not depend on the Host header, which may hold anything."""
        return b"codexd"

    @property
    def query(self) -> dict[str, list[str]]:
        """Give the parameters of the URL's query, each with its values in order."""
        return {_text(name): [_text(value) for value in values] for name, values in self.args.items()}

    def at(self, route: str) -> "Request":
        """Note which route it took, for the journal."""
        self.record.route = route
        return self

    # Its answer.

    def set_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Set headers of the response."""
        for name, value in headers:
            self.setHeader(name, value)

    def send(self, status: int, body: bytes, content_type: bytes = JSON) -> bytes:
        """Set the head of a response that is this one body, and give the body back for Klein to write."""
        self.setResponseCode(status, (_RENAMED.get(status) or HTTPStatus(status).phrase).encode())
        self.setHeader(b"content-type", content_type)
        self.setHeader(b"content-length", b"%d" % len(body))
        return body

    def refuse(self, wrong: Fault) -> bytes:
        """Set the head of an error response, and give its body back for Klein to write."""
        self.record.outcome, self.record.note = wrong.kind, wrong.note or ""
        self.set_headers(errors.error_headers(wrong))
        return self.send(wrong.status, errors.render_error(wrong))

    def broke(self, failure: Failure) -> bytes:
        """Refuse with `internal`, for an exception of our own, and tell the log where it was."""
        self.site.journal.log_internal_error(self.record, failure)
        return self.refuse(fault("internal"))

    def processingFailed(self, reason: Failure) -> Failure:
        """Tell the client that we failed, where Klein could not."""
        if self.startedWriting:
            self.site.journal.log_internal_error(self.record, reason)
            self.hang_up()
        else:
            self.write(self.broke(reason))
            self.finish()
        return reason

    def hang_up(self) -> None:
        """Break the connection off: the client must not take what it has for a whole answer."""
        self.channel.transport.abortConnection()

    def milliseconds(self) -> int:
        """Give the time since it came."""
        return int((self.site.clock.seconds() - self.record.began) * 1000)

    # Its end.

    def connectionLost(self, reason: Failure) -> None:
        """Write down a request whose client left before its answer was whole."""
        super().connectionLost(reason)
        if self._arrived:
            if self.record.outcome == OK:
                self.record.outcome = CLIENT_GONE
            self.site.close(self)


def _text(part: bytes) -> str:
    return part.decode("utf-8", "replace")
