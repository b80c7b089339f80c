"""The whole front over in-memory transports: raw bytes in, raw bytes out, no reactor."""

from collections.abc import Callable
from typing import Any

from attrs import Factory, define
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from zope.interface import implementer

from codexd.http.front import Front
from codexd.http.site import Site
from codexd.interfaces import IModelBackend
from codexd.observe.journal import Journal
from codexd.observe.log import RequestLog
from codexd.observe.metrics import Metrics
from codexd.observe.record import Record
from codexd.settings import Codex, Http, Responses, Settings
from codexd.wire import json
from tests.support.backend import FakeBackend
from tests.support.store import FakeStore

BUFFER_BYTES = 2**16  # a transport that holds more than this says that it is full
NOW = 1_700_000_000.0


@implementer(ITCPTransport)
class ReaderTransport(StringTransportWithDisconnection):
    """A transport whose other end reads only when told to; pauses and resumes as Twisted's own do.

    Attributes:
        reading: everything is read at once.
        writes: what was written, a piece a call.
        aborted: the connection was broken off.
        producerState: whether what the client sends is taken in (`producing`) or not (`paused`).
    """

    def __init__(self) -> None:
        super().__init__(lenient=True)
        self.reading = True
        self.closing = False
        self.aborted = False
        self.paused = False
        self.writes: list[bytes] = []
        self._pile = b""

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        if not self.connected or self.closing:
            return
        self.writes.append(data)
        self._pile += data
        if self.reading:
            self.read(len(self._pile))
        elif len(self._pile) > BUFFER_BYTES and self.producer is not None and not self.paused:
            self.paused = True
            self.producer.pauseProducing()

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def read(self, size_bytes: int) -> None:
        """Let the other end read so much."""
        self.io.write(self._pile[:size_bytes])
        self._pile = self._pile[size_bytes:]
        if self._pile:
            return
        if self.closing:
            self.lose()
        elif self.paused and self.producer is not None:
            self.paused = False
            self.producer.resumeProducing()

    def loseConnection(self) -> None:
        self.closing = self.disconnecting = True
        if not self._pile:
            self.lose()

    def abortConnection(self) -> None:
        self.aborted = True
        self._pile = b""
        self.lose()

    def lose(self) -> None:
        """Let the connection be gone, as a reactor tells of it."""
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        super().loseConnection()

    def unregisterProducer(self) -> None:
        self.producer = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def getTcpKeepAlive(self) -> bool:
        return False

    def loseWriteConnection(self) -> None:
        pass


@define
class Response:
    """One response as it was on the wire.

    Attributes:
        whole: its end was seen.
        chunks: of a chunked body.
    """

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes = b""
    chunks: list[bytes] = Factory(list)
    whole: bool = False

    @property
    def json(self) -> Any:
        return json.decode(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found = self.json["error"]
        assert set(found) == {"message", "type", "param", "code"}, found
        return found

    @property
    def events(self) -> list[Any]:
        """Give the data of every SSE frame; comments are None, `[DONE]` is itself."""
        frames = self.body.split(b"\n\n")
        assert frames.pop() == b"", "a frame is cut"
        return [_event(frame) for frame in frames]


def _event(frame: bytes) -> Any:
    line = frame.split(b"\n")[-1]
    if line.startswith(b":"):
        return None
    data = line.removeprefix(b"data: ")
    return "[DONE]" if data == b"[DONE]" else json.decode(data)


class Connection:
    """One client's connection."""

    def __init__(self, site: Site) -> None:
        self.transport = ReaderTransport()
        self._protocol = site.buildProtocol(None)
        self.transport.protocol = self._protocol
        self._protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self._protocol.dataReceived(data)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        """Send a whole request; a body that is no bytes is sent as JSON."""
        self.send(request(method, path, body, **headers))

    def leave(self) -> None:
        """Go away, as a client does."""
        self.transport.lose()

    @property
    def received(self) -> bytes:
        return self.transport.value()

    @property
    def open(self) -> bool:
        return self.transport.connected and not self.transport.disconnecting

    def responses(self, *methods: str) -> list[Response]:
        """Give every response so far; `methods` names those of requests that were not GET or POST."""
        return parse(self.received, methods)

    @property
    def response(self) -> Response:
        """Give the only response so far."""
        (only,) = self.responses()
        return only


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """Write a request; `_` in the names of headers stands for `-`."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.encode(body)
    lines = {"host": "localhost:11435"}
    if body is not None:
        lines |= {"content-type": "application/json", "content-length": str(len(data))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + data


def parse(data: bytes, methods: tuple[str, ...] = ()) -> list[Response]:
    """Read responses off the wire, strictly."""
    found = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator, head
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status, reason = status_line.split(" ", 2)
        assert version == "HTTP/1.1", version
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines), lines
        response = Response(int(status), reason, {name.lower(): value for name, value in headers.items()})
        data = _read_body(response, data, methods[len(found)] if len(found) < len(methods) else "GET")
        found.append(response)
    return found


def _read_body(response: Response, data: bytes, method: str) -> bytes:
    if method == "HEAD" or response.status in (100, 204):
        response.whole = True
        return data
    if response.headers.get("transfer-encoding") == "chunked":
        return _read_chunks(response, data)
    length = int(response.headers.get("content-length", len(data)))
    response.body, response.whole = data[:length], len(data) >= length
    return data[length:]


def _read_chunks(response: Response, data: bytes) -> bytes:
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        chunk, end, data = data[:length], data[length : length + 2], data[length + 2 :]
        if length == 0:
            response.whole = True
            break
        assert end == b"\r\n" or not data, end
        response.chunks.append(chunk)
    response.body = b"".join(response.chunks)
    return data


class MemoryLog(RequestLog):
    """Keeps the records that would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        super().write(record)
        self.records.append(record)


class Web:
    """The front as the service puts it together, with a fake back end behind it, `through` others or not."""

    def __init__(
        self,
        http: Http = Http(),  # noqa: B008
        drain_seconds: float = 10.0,
        responses: Responses = Responses(),  # noqa: B008
        store: FakeStore | None = None,
        through: Callable[[FakeBackend], IModelBackend] = lambda backend: backend,
    ) -> None:
        self.clock = MemoryReactorClock()
        self.clock.advance(NOW)
        self.backend = FakeBackend()
        self.metrics = Metrics()
        self.log = MemoryLog()
        self.journal = Journal(self.metrics, self.log)
        clock = self.clock
        self.store = store or FakeStore(clock.seconds)
        settings = Settings(http, Codex(drain_seconds=drain_seconds), responses=responses)
        front = Front.built(
            through(self.backend), self.backend, self.store, settings, self.journal, clock, clock.seconds
        )
        self.site, self.doorman = front.site, front.doorman
        self.site.doStart()

    def connect(self) -> Connection:
        """Open a connection."""
        return Connection(self.site)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """Ask on a connection of its own, and give the response."""
        connection = self.connect()
        connection.ask(method, path, body, **headers)
        (response,) = connection.responses(method)
        return response

    def figure(self, name: str, **labels: str) -> float:
        """Read one of the figures."""
        return figure(self.metrics, name, **labels)


def figure(metrics: Metrics, name: str, **labels: str) -> float:
    """Read one of the figures; what was never counted is 0."""
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    start = f"{name}{{{inside}}} " if labels else f"{name} "
    lines = metrics.render().decode().splitlines()
    return next((float(line.removeprefix(start)) for line in lines if line.startswith(start)), 0.0)


def chat(**fields: Any) -> dict[str, Any]:
    """Give a Chat request's body."""
    return {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]} | fields
