"""An upstream back end over connections in memory: the test plays the server, byte by byte, on a clock."""

from typing import Any

from attrs import define
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.context import RequestContext
from codexd.interfaces import IModelBackend, ITurnHandle
from codexd.neutral.turn import Message, TextPart, Turn
from codexd.observe.metrics import Metrics
from codexd.settings import Upstream
from codexd.upstream.backend import UpstreamBackend
from codexd.upstream.client import UpstreamClient
from codexd.upstream.connection_pool import UpstreamConnectionPool
from codexd.upstream.endpoints import AbortingEndpoint
from codexd.upstream.read_dispatcher import ReadDispatcher
from codexd.wire.json import Json, decode
from tests.support.contexts import context as make_context
from tests.support.metric_samples import metric
from tests.support.recording_sink import RecordingSink

TURN = Turn(model="m", items=(Message(role="user", parts=(TextPart("hi"),)),))
SETTINGS = Upstream(name="up", base_url="http://upstream.example/v1", pass_unlisted=True)


class FakeConnection(StringTransport):
    """A connection, from the server's side."""

    def __init__(self, clock: MemoryReactorClock) -> None:
        super().__init__()
        self.clock = clock
        self.aborted = False
        self.protocol: Any = None

    def abortConnection(self) -> None:
        """Abort the connection, as the client does."""
        if not self.aborted:
            self.aborted = True
            self.clock.callLater(0, self.protocol.connectionLost, Failure(ConnectionLost()))

    def loseConnection(self) -> None:
        """Fail: the client must abort its connections, not close them."""
        raise AssertionError("the client closed the connection instead of aborting it")

    def send(self, data: bytes) -> None:
        """Send bytes to the client, unless it has aborted the connection."""
        if not self.aborted:
            self.protocol.dataReceived(data)

    def send_head(self, status: int = 200, *headers: str) -> None:
        """Send the head of a response with a chunked body."""
        lines = [f"HTTP/1.1 {status} x", "transfer-encoding: chunked", *headers, "", ""]
        self.send("\r\n".join(lines).encode())

    def send_chunk(self, data: bytes) -> None:
        """Send a chunk of the body; an empty one ends it."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def send_response(self, body: bytes, status: int = 200, *headers: str) -> None:
        """Send a whole response."""
        self.send_head(status, *headers)
        self.send_chunk(body)
        self.send_chunk(b"")

    def close(self, clean: bool = True) -> None:
        """Close the connection from the server's side."""
        self.protocol.connectionLost(Failure(ConnectionDone() if clean else ConnectionLost()))

    @property
    def request_head(self) -> bytes:
        """The head of the client's request, in lower case."""
        return self.value().partition(b"\r\n\r\n")[0].lower()

    @property
    def request_json(self) -> Json:
        """The decoded body of the client's request."""
        return decode(self.value().partition(b"\r\n\r\n")[2])


@implementer(IAgentEndpointFactory)
@define
class _Endpoints:
    reactor: MemoryReactorClock
    reads: ReadDispatcher

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        endpoint = TCP4ClientEndpoint(self.reactor, uri.host.decode(), uri.port, timeout=10)
        return AbortingEndpoint(endpoint, self.reads)


class UpstreamHarness:
    """An upstream back end over fake connections.

    Attributes:
        connections: the connections so far, oldest first.
    """

    def __init__(self, settings: Upstream = SETTINGS, key: str | None = "sk-secret") -> None:
        self.clock = MemoryReactorClock()
        self.metrics = Metrics()
        self.connections: list[FakeConnection] = []
        pool, reads = UpstreamConnectionPool(self.clock), ReadDispatcher()
        agent = Agent.usingEndpointFactory(self.clock, _Endpoints(self.clock, reads), pool)
        self.client = UpstreamClient(
            agent,
            settings.base_url,
            key,
            self.clock,
            pool,
            reads,
            key_header=settings.key_header,
            api_version=settings.api_version,
        )
        self.backend = UpstreamBackend(
            settings, self.client, self.clock, self.metrics, lambda: 0.0, lambda: 1445412480.0
        )
        self.metrics.watch_upstream(self.backend.name, self.backend.ready, self.backend.has_open_circuit)
        verifyObject(IModelBackend, self.backend)

    def begin(self, turn: Turn = TURN, context: RequestContext | None = None) -> tuple[RecordingSink, ITurnHandle]:
        """Begin a turn, up to its request for a connection."""
        sink = RecordingSink()
        handle = self.backend.begin(turn, context or make_context(), sink)
        verifyObject(ITurnHandle, handle)
        assert sink.events == []
        self.clock.advance(0)
        return sink, handle

    @property
    def connection_count(self) -> int:
        """The number of connections requested so far."""
        return len(self.clock.tcpClients)

    @property
    def given_up(self) -> bool:
        """Whether the client has given up its last connection attempt."""
        given_up: bool = self.clock.connectors[-1].stoppedConnecting
        return given_up

    @property
    def latest(self) -> FakeConnection | None:
        """The last connection made, if any."""
        return self.connections[-1] if self.connections and self.connections[-1].protocol is not None else None

    def accept(self) -> FakeConnection:
        """Accept the last connection attempt; return the previous connection if the client reuses it."""
        if len(self.connections) == self.connection_count:
            return self.connections[-1]
        factory = self.clock.tcpClients[-1][2]
        connection = FakeConnection(self.clock)
        connection.protocol = factory.buildProtocol(None)
        self.connections.append(connection)
        connection.protocol.makeConnection(connection)
        return connection

    def refuse(self) -> None:
        """Refuse the last connection attempt."""
        factory = self.clock.tcpClients[-1][2]
        self.connections.append(FakeConnection(self.clock))
        factory.clientConnectionFailed(self.clock.connectors[-1], Failure(ConnectionRefusedError()))

    def counter(self, name: str) -> float:
        """Return the value of a counter, without the suffix `_total`."""
        return self.metric(f"{name}_total")

    def metric(self, name: str) -> float:
        """Return the value of a metric by its name with labels; 0 if it has no such sample."""
        return metric(self.metrics, f"codexd_{name}")
