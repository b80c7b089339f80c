"""A minimal HTTP/1.1 client (RFC 9112) that records a response as it arrives, with no library in between."""

from typing import Any, Final, NoReturn

from attrs import frozen
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.parity.scenario import ScenarioRequest

RESPONSE_TIMEOUT_SECONDS: Final = 30.0

_EVENT_END: Final = b"\n\n"


@frozen
class HttpResponse:
    """A response, as far as it was received.

    Attributes:
        head: the status line and the header lines, unchanged.
        body: the body without its transfer coding.
        complete: the body ended as its framing says, or the client disconnected on purpose; False: the
            connection closed early.
    """

    head: tuple[str, ...]
    body: bytes
    complete: bool

    def header(self, name: str) -> str | None:
        """Return the value of a header; `name` in lower case."""
        pairs = (line.partition(":") for line in self.head[1:])
        return next((value.strip() for key, _, value in pairs if key.lower() == name), None)

    @property
    def status(self) -> int:
        """Return the status code; 0 when there is no head."""
        return int(self.head[0].split()[1]) if self.head else 0


class _ResponseReader(Protocol):
    """Sends one request and reads one response, or its first events if the client is to disconnect."""

    def __init__(self, request: bytes, disconnect_after_events: int | None) -> None:
        self.done: Deferred[HttpResponse] = Deferred(self._cancel)
        self._request = request
        self._disconnect_after_events = disconnect_after_events
        self._data = b""
        self._cancelled = False

    @property
    def _transport(self) -> Any:
        return self.transport

    def _cancel(self, done: Deferred[HttpResponse]) -> None:
        self._cancelled = True
        self._transport.abortConnection()

    def connectionMade(self) -> None:
        self._transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if self._response().complete:
            self._transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._cancelled:
            self.done.callback(self._response())

    def _response(self) -> HttpResponse:
        response = parse_response(self._data)
        limit = self._disconnect_after_events
        return response if limit is None else truncate(response, limit)


async def send_request(reactor: Any, address: IPv4Address, api_key: str, request: ScenarioRequest) -> HttpResponse:
    """Send one request over a connection of its own and return the response.

    Args:
        reactor: provides IReactorTCP and IReactorTime.
        address: of the server.
        api_key: sent unless the request has an Authorization header.
        request: the request.

    Raises:
        TimeoutError: when the response does not end within RESPONSE_TIMEOUT_SECONDS.
    """
    data = encode_request(request, f"{address.host}:{address.port}", api_key)
    reader = _ResponseReader(data, request.disconnect_after_events)
    await connectProtocol(TCP4ClientEndpoint(reactor, address.host, address.port), reader)
    return await reader.done.addTimeout(RESPONSE_TIMEOUT_SECONDS, reactor, _raise_timeout)


def _raise_timeout(*_: object) -> NoReturn:
    raise TimeoutError(f"a response did not end within {RESPONSE_TIMEOUT_SECONDS:g} s")


def encode_request(request: ScenarioRequest, host: str, api_key: str) -> bytes:
    """Return the request as it is sent; its own headers replace the usual ones of the same name."""
    usual = {"Host": host, "Authorization": f"Bearer {api_key}"}
    if request.body:
        usual |= {"Content-Type": "application/json", "Content-Length": str(len(request.body))}
    own = {name.lower() for name, _ in request.headers}
    added = [(name, value) for name, value in usual.items() if name.lower() not in own]
    head = [f"{name}: {value}\r\n" for name, value in (*added, *request.headers)]
    return f"{request.method} {request.path} HTTP/1.1\r\n{''.join(head)}\r\n".encode() + request.body


def parse_response(data: bytes) -> HttpResponse:
    """Parse the response as far as it was received."""
    head, ended, rest = data.partition(b"\r\n\r\n")
    if not ended:
        return HttpResponse((), b"", complete=False)
    lines = tuple(head.decode("latin-1").split("\r\n"))
    headers = HttpResponse(lines, b"", complete=False)
    if headers.header("transfer-encoding") == "chunked":
        return HttpResponse(lines, *_decode_chunks(rest))
    length = int(headers.header("content-length") or 0)
    return HttpResponse(lines, rest, complete=len(rest) == length)


def truncate(response: HttpResponse, events: int) -> HttpResponse:
    """Return the first events of a stream, as a client that disconnects after them has received it.

    A response with fewer events is returned unchanged.
    """
    received = response.body.split(_EVENT_END, events)[:events]
    if response.body.count(_EVENT_END) < events:
        return response
    return HttpResponse(response.head, _EVENT_END.join((*received, b"")), complete=True)


def _decode_chunks(data: bytes) -> tuple[bytes, bool]:
    """Decode the chunked coding; also return whether the last chunk was received, with nothing after it."""
    body = b""
    while True:
        line, ended, rest = data.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16) if ended else 0
        if not ended or len(rest) < size + 2:
            return body + rest[:size], False
        if size == 0:
            return body, rest == b"\r\n"
        body, data = body + rest[:size], rest[size + 2 :]
