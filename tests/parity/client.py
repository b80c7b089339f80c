"""A client that takes an HTTP/1.1 response as it comes (RFC 9112): no library between it and the record."""

from typing import Any, Final, NoReturn

from attrs import frozen
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.parity.scenario import Ask

PATIENCE_SECONDS: Final = 30.0
"""How long an answer may take."""

_EVENT_END: Final = b"\n\n"


@frozen
class Response:
    """What came back.

    Attributes:
        head: the status line and the headers, as they came, a line each.
        body: without its transfer coding.
        whole: it ended as its framing says, or where the client left; else the connection broke off.
    """

    head: tuple[str, ...]
    body: bytes
    whole: bool

    def header(self, name: str) -> str | None:
        """Give the value of a header; `name` in lower case."""
        pairs = (line.partition(":") for line in self.head[1:])
        return next((value.strip() for key, _, value in pairs if key.lower() == name), None)

    @property
    def status(self) -> int:
        """Give the status code."""
        return int(self.head[0].split()[1]) if self.head else 0


class _Reading(Protocol):
    """Sends one request and reads one response, or as many events of it as the client stays for."""

    def __init__(self, request: bytes, leaves_after: int | None) -> None:
        self.done: Deferred[Response] = Deferred(self._give_up)
        self._request = request
        self._leaves_after = leaves_after
        self._data = b""
        self._given_up = False

    @property
    def _transport(self) -> Any:
        return self.transport

    def _give_up(self, done: Deferred[Response]) -> None:
        self._given_up = True
        self._transport.abortConnection()

    def connectionMade(self) -> None:
        self._transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if self._response().whole:
            self._transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._given_up:
            self.done.callback(self._response())

    def _response(self) -> Response:
        response = parse(self._data)
        return response if self._leaves_after is None else cut(response, self._leaves_after)


async def exchange(reactor: Any, address: IPv4Address, key: str, ask: Ask) -> Response:
    """Send one request over a connection of its own, and give what came back.

    Args:
        reactor: provides IReactorTCP and IReactorTime.
        address: of the server.
        key: the API key to show, unless the request brings its own authorization.

    Raises:
        TimeoutError: when the response does not end in time.
    """
    reading = _Reading(write(ask, f"{address.host}:{address.port}", key), ask.leaves_after)
    await connectProtocol(TCP4ClientEndpoint(reactor, address.host, address.port), reading)
    return await reading.done.addTimeout(PATIENCE_SECONDS, reactor, _too_slow)


def _too_slow(*_: object) -> NoReturn:
    raise TimeoutError(f"an answer did not end within {PATIENCE_SECONDS:g} s")


def write(ask: Ask, host: str, key: str) -> bytes:
    """Write the request as it goes over the wire."""
    usual = {"Host": host, "Authorization": f"Bearer {key}"}
    if ask.body:
        usual |= {"Content-Type": "application/json", "Content-Length": str(len(ask.body))}
    own = {name.lower() for name, _ in ask.headers}
    added = [(name, value) for name, value in usual.items() if name.lower() not in own]
    head = [f"{name}: {value}\r\n" for name, value in (*added, *ask.headers)]
    return f"{ask.method} {ask.path} HTTP/1.1\r\n{''.join(head)}\r\n".encode() + ask.body


def parse(data: bytes) -> Response:
    """Read as much of a response as there is."""
    head, ended, rest = data.partition(b"\r\n\r\n")
    if not ended:
        return Response((), b"", whole=False)
    lines = tuple(head.decode("latin-1").split("\r\n"))
    announced = Response(lines, b"", whole=False)
    if announced.header("transfer-encoding") == "chunked":
        return Response(lines, *_unchunked(rest))
    length = int(announced.header("content-length") or 0)
    return Response(lines, rest, whole=len(rest) == length)


def cut(response: Response, events: int) -> Response:
    """Give a response as far as its client took it, who left after so many events; before them, all of it."""
    taken = response.body.split(_EVENT_END, events)[:events]
    if response.body.count(_EVENT_END) < events:
        return response
    return Response(response.head, _EVENT_END.join((*taken, b"")), whole=True)


def _unchunked(data: bytes) -> tuple[bytes, bool]:
    """Take the chunked coding off; tell whether its last chunk, and nothing after it, is there."""
    body = b""
    while True:
        line, ended, rest = data.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16) if ended else 0
        if not ended or len(rest) < size + 2:
            return body + rest[:size], False
        if size == 0:
            return body, rest == b"\r\n"
        body, data = body + rest[:size], rest[size + 2 :]
