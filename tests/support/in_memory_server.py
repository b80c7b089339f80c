"""The whole HTTP server in memory: raw bytes in, raw bytes out, a fake back end and a fake store, no network.

`build_front` is the only place of the tests that puts the HTTP front together.
"""

from collections.abc import Callable
from typing import Any

from attrs import Factory, define
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from zope.interface import implementer

from codexd.administration.maintenance import MaintenanceSwitch
from codexd.context import RequestRecord
from codexd.decode_thread import RunInThread, run_at_once
from codexd.http.handlers.administration import AdminHandlers
from codexd.http.server import HttpServer
from codexd.http.site import Site
from codexd.interfaces import Backends, IModelBackend, IStatus, IStore
from codexd.observe.log import AccessLog
from codexd.observe.metrics import Metrics
from codexd.observe.request_log import RequestLogger
from codexd.policy.reload import ReloadReport
from codexd.routing.metered_backend import MeteredBackend
from codexd.routing.metered_forwarding import MeteredEmbedder, MeteredForwarder
from codexd.settings import Admin, ApiKey, Codex, Http, Models, Page, Responses, Settings
from codexd.usage.recorder import UsageRecorder
from codexd.wire import json
from tests.support.fake_backend import FakeBackend
from tests.support.fake_status import FakeStatus
from tests.support.fake_store import FakeStore
from tests.support.metric_samples import metric
from tests.support.sql_ledger import SqlLedger

BUFFER_BYTES = 2**16
"""A transport pauses its producer when it buffers more than this."""

NOW = 1_700_000_000.0
"""The Unix time at which an in-memory server starts, in seconds."""


def build_front(
    backend: IModelBackend,
    other: FakeBackend,
    store: IStore,
    settings: Settings,
    metrics: Metrics,
    log: AccessLog,
    reactor: Any,
    now: Callable[[], float],
    reload: Callable[[], ReloadReport] = ReloadReport,
    run_in_thread: RunInThread = run_at_once,
    status: IStatus | None = None,
    ledger: SqlLedger | None = None,
) -> HttpServer:
    """Build the HTTP front as the service does.

    Args:
        backend: answers turns.
        other: creates embeddings and forwards requests.
        reload: reloads the settings.
        run_in_thread: runs the decoding of large bodies.
        status: shows the state of the back ends.
        ledger: the ledger of usage.
    """
    maintenance = MaintenanceSwitch(settings.maintenance, None, metrics)
    ledger = ledger or SqlLedger()
    usage = UsageRecorder(ledger, settings.usage, metrics, reactor, now)
    return HttpServer(
        backends=Backends(
            backend=MeteredBackend(backend),
            embedder=MeteredEmbedder(other),
            forwarder=MeteredForwarder(other),
            accounts=lambda: other.accounts,
        ),
        store=store,
        settings=settings,
        request_log=RequestLogger(
            metrics=metrics, requests=log, record_usage=usage.add, record_late_usage=usage.add_late
        ),
        ledger=ledger,
        flush_usage=usage.flush,
        clock=reactor,
        now=now,
        admin=AdminHandlers(maintenance=maintenance, reload=reload, recycle=lambda: ("plain-0",)),
        run_in_thread=run_in_thread,
        status=status or FakeStatus(),
    )


@implementer(ITCPTransport)
class ReaderTransport(StringTransportWithDisconnection):
    """A transport with a client that can stop reading; it pauses and resumes its producer as Twisted's do.

    Attributes:
        reading: the client reads everything at once.
        writes: the data of each `write` call.
        aborted: `abortConnection` was called.
        producerState: whether the server reads what the client sends (`producing`) or not (`paused`).
    """

    def __init__(self) -> None:
        super().__init__(lenient=True)
        self.reading = True
        self.closing = False
        self.aborted = False
        self.paused = False
        self.writes: list[bytes] = []
        self._unread = b""

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        if not self.connected or self.closing:
            return
        self.writes.append(data)
        self._unread += data
        if self.reading:
            self.read(len(self._unread))
        elif len(self._unread) > BUFFER_BYTES and self.producer is not None and not self.paused:
            self.paused = True
            self.producer.pauseProducing()

    @property
    def unread_bytes(self) -> int:
        """The size of what was written and the client has not read."""
        return len(self._unread)

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def read(self, size_bytes: int) -> None:
        """Let the client read up to this many bytes."""
        self.io.write(self._unread[:size_bytes])
        self._unread = self._unread[size_bytes:]
        if self._unread:
            return
        if self.closing:
            self.lose()
        elif self.paused and self.producer is not None:
            self.paused = False
            self.producer.resumeProducing()

    def loseConnection(self) -> None:
        self.closing = self.disconnecting = True
        if not self._unread:
            self.lose()

    def abortConnection(self) -> None:
        self.aborted = True
        self._unread = b""
        self.lose()

    def lose(self) -> None:
        """Lose the connection: stop the producer, as a reactor does, and notify the protocol."""
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


@define(kw_only=True)
class Response:
    """One HTTP response, parsed from the wire.

    Attributes:
        headers: by lower-case name.
        chunks: the chunks of a chunked body.
        whole: the end of the body was received.
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
        """The decoded data of every SSE frame; None for a comment, `[DONE]` as a string."""
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
    """A client's connection to a site.

    Args:
        host: the server's address.
    """

    def __init__(self, site: Site, host: IAddress | None = None) -> None:
        self.transport = ReaderTransport()
        if host is not None:
            self.transport.hostAddr = host
        self._protocol = site.buildProtocol(None)
        self.transport.protocol = self._protocol
        self._protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self._protocol.dataReceived(data)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        """Send a request; a body that is not bytes is encoded as JSON."""
        self.send(request(method, path, body, **headers))

    def disconnect(self) -> None:
        """Close the connection from the client's side."""
        self.transport.lose()

    def end_input(self) -> None:
        """Close the client's sending direction only."""
        self._protocol.readConnectionLost()

    @property
    def received(self) -> bytes:
        return self.transport.value()

    @property
    def open(self) -> bool:
        return self.transport.connected and not self.transport.disconnecting

    def responses(self, *methods: str) -> list[Response]:
        """Return the responses so far; `methods` are those of the requests, needed only for HEAD."""
        return parse(self.received, methods)

    @property
    def response(self) -> Response:
        """The only response so far."""
        (only,) = self.responses()
        return only


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """Encode an HTTP request; `_` in a header's name stands for `-`."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.encode(body)
    lines = {"host": "localhost:11435"}
    if body is not None:
        lines |= {"content-type": "application/json", "content-length": str(len(data))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + data


def parse(data: bytes, methods: tuple[str, ...] = ()) -> list[Response]:
    """Parse responses strictly; the last may be incomplete."""
    found = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator, head
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status, reason = status_line.split(" ", 2)
        assert version in ("HTTP/1.0", "HTTP/1.1"), version
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines), lines
        response = Response(
            status=int(status), reason=reason, headers={name.lower(): value for name, value in headers.items()}
        )
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


class MemoryLog(AccessLog):
    """A request log that also collects its records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[RequestRecord] = []

    def write(self, record: RequestRecord) -> None:
        super().write(record)
        self.records.append(record)


class InMemoryServer:
    """The HTTP front on a clock, over a fake back end and a fake store.

    Args:
        http: settings of the server.
        drain_seconds: how long a stopping server waits for running responses.
        responses: settings of stored responses.
        store: used instead of a new fake one.
        wrap_backend: builds the back end that the front uses from the fake one.
        admin: settings of administration.
        run_in_thread: runs the decoding of large bodies.
        keys: the keys with a name.
        models: settings of the models.
        page: settings of the status page.
    """

    def __init__(
        self,
        http: Http = Http(),  # noqa: B008
        drain_seconds: float = 10.0,
        responses: Responses = Responses(),  # noqa: B008
        store: FakeStore | None = None,
        wrap_backend: Callable[[FakeBackend], IModelBackend] = lambda backend: backend,
        admin: Admin = Admin(),  # noqa: B008
        run_in_thread: RunInThread = run_at_once,
        keys: tuple[ApiKey, ...] = (),
        models: Models = Models(),  # noqa: B008
        page: Page = Page(),  # noqa: B008
    ) -> None:
        self.clock = MemoryReactorClock()
        self.clock.advance(NOW)
        self.backend = FakeBackend()
        self.metrics = Metrics()
        self.status = FakeStatus()
        self.log = MemoryLog()
        self.store = store or FakeStore(self.clock.seconds)
        self.ledger = SqlLedger()
        front = build_front(
            wrap_backend(self.backend),
            self.backend,
            self.store,
            Settings(
                http=http,
                codex=Codex(drain_seconds=drain_seconds),
                responses=responses,
                admin=admin,
                key=keys,
                models=models,
                page=page,
            ),
            self.metrics,
            self.log,
            self.clock,
            self.clock.seconds,
            lambda: self.reload_report,
            run_in_thread,
            self.status,
            self.ledger,
        )
        self.reload_report = ReloadReport()
        self.front, self.site, self.active, self.drain = front, front.site, front.active, front.drain
        self.site.doStart()

    def apply(self, settings: Settings) -> None:
        """Apply other settings, as a reload does."""
        other = self.backend
        backends = Backends(
            backend=MeteredBackend(other), embedder=MeteredEmbedder(other), forwarder=MeteredForwarder(other)
        )
        self.front.apply(settings, backends)

    def connect(self, host: IAddress | None = None) -> Connection:
        """Open a connection, to a TCP address unless another is given."""
        return Connection(self.site, host)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """Send a request on a new connection and return its response, which must be there at once."""
        connection = self.connect()
        connection.request(method, path, body, **headers)
        (response,) = connection.responses(method)
        return response

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a metric."""
        return metric(self.metrics, name, **labels)


def chat(**fields: Any) -> dict[str, Any]:
    """Build the body of a Chat request."""
    return {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]} | fields
