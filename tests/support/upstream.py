"""An upstream without a network: the test is the server, byte by byte, on a clock of its own."""

from typing import Any

from attrs import define, field
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer
from zope.interface.verify import verifyObject

from codexd.interfaces import IEventSink, IModelBackend, ITurnHandle
from codexd.neutral import event as e
from codexd.neutral.grammar import Sentence
from codexd.neutral.reply import fold
from codexd.neutral.turn import Message, TextPart, Turn
from codexd.observe.metrics import Metrics
from codexd.settings import Upstream
from codexd.upstream.backend import UpstreamBackend
from codexd.upstream.client import Client
from codexd.upstream.endpoints import Abrupt
from codexd.upstream.reads import Reads
from codexd.wire.json import Json, decode

TURN = Turn("m", (Message("user", (TextPart("hi"),)),))
SETTINGS = Upstream("up", "http://upstream.example/v1", any=True)


class Wire(StringTransport):
    """One connection, as the server sees it."""

    def __init__(self, clock: MemoryReactorClock) -> None:
        super().__init__()
        self.clock = clock
        self.aborted = False
        self.protocol: Any = None

    def abortConnection(self) -> None:
        """Cut by the client, at once."""
        if not self.aborted:
            self.aborted = True
            self.clock.callLater(0, self.protocol.connectionLost, Failure(ConnectionLost()))

    def loseConnection(self) -> None:
        """Nobody closes politely here."""
        raise AssertionError("closed, not aborted")

    def say(self, data: bytes) -> None:
        """Send bytes to the client; one that has cut the connection gets none."""
        if not self.aborted:
            self.protocol.dataReceived(data)

    def head(self, status: int = 200, *headers: str) -> None:
        """Send the head of a response whose body is in chunks."""
        lines = [f"HTTP/1.1 {status} x", "transfer-encoding: chunked", *headers, "", ""]
        self.say("\r\n".join(lines).encode())

    def chunk(self, data: bytes) -> None:
        """Send a piece of the body; an empty one ends it."""
        self.say(b"%x\r\n%b\r\n" % (len(data), data))

    def answer(self, body: bytes, status: int = 200, *headers: str) -> None:
        """Send a whole response."""
        self.head(status, *headers)
        self.chunk(body)
        self.chunk(b"")

    def leave(self, clean: bool = True) -> None:
        """Close the connection."""
        self.protocol.connectionLost(Failure(ConnectionDone() if clean else ConnectionLost()))

    @property
    def head_sent(self) -> bytes:
        """What the client sent before its body, in lower case."""
        return self.value().partition(b"\r\n\r\n")[0].lower()

    @property
    def asked(self) -> Json:
        """The body the client sent."""
        return decode(self.value().partition(b"\r\n\r\n")[2])


@implementer(IEventSink)
@define(eq=False)
class Hearing:
    """A sink that checks what it hears: whole sentences, flushed."""

    events: list[e.Event] = field(factory=list)
    unflushed: int = 0
    sentence: Sentence = field(factory=Sentence)

    def receive(self, event: e.Event) -> None:
        self.sentence.feed(event)
        self.events.append(event)
        self.unflushed += 1

    def flush(self) -> None:
        self.unflushed = 0

    @property
    def over(self) -> bool:
        return self.sentence.state == "over"

    @property
    def text(self) -> str:
        return fold(self.events).text

    @property
    def kind(self) -> str | None:
        """The kind of fault it ended with."""
        last = self.events[-1] if self.events else None
        return last.fault.kind if isinstance(last, e.Failed) else None


@implementer(IAgentEndpointFactory)
@define
class _Endpoints:
    reactor: MemoryReactorClock
    reads: Reads

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        endpoint = TCP4ClientEndpoint(self.reactor, uri.host.decode(), uri.port, timeout=10)
        return Abrupt(endpoint, self.reads)


class Rig:
    """A back end over connections in memory."""

    def __init__(self, settings: Upstream = SETTINGS, key: str | None = "sk-secret") -> None:
        self.clock = MemoryReactorClock()
        self.metrics = Metrics()
        self._wires: list[Wire] = []
        pool, reads = HTTPConnectionPool(self.clock), Reads()
        agent = Agent.usingEndpointFactory(self.clock, _Endpoints(self.clock, reads), pool)
        self.client = Client(agent, settings.base_url, key, self.clock, pool, reads)
        self.backend = UpstreamBackend(
            settings, self.client, self.clock, self.metrics, lambda: 0.0, lambda: 1445412480.0
        )
        verifyObject(IModelBackend, self.backend)

    def begin(self, turn: Turn = TURN) -> tuple[Hearing, ITurnHandle]:
        """Begin a turn, up to where a connection is wanted."""
        hearing = Hearing()
        handle = self.backend.begin(turn, hearing)
        verifyObject(ITurnHandle, handle)
        assert hearing.events == []
        self.clock.advance(0)
        return hearing, handle

    @property
    def wanted(self) -> int:
        """How many connections were ever asked for."""
        return len(self.clock.tcpClients)

    @property
    def given_up(self) -> bool:
        """Whether the latest connection is not wanted any more."""
        given_up: bool = self.clock.connectors[-1].stoppedConnecting
        return given_up

    @property
    def latest(self) -> Wire | None:
        """The connection made last, if one was."""
        return self._wires[-1] if self._wires and self._wires[-1].protocol is not None else None

    def accept(self) -> Wire:
        """Let the latest connection be made; where the one before is used again, give that."""
        if len(self._wires) == self.wanted:
            return self._wires[-1]
        factory = self.clock.tcpClients[-1][2]
        wire = Wire(self.clock)
        wire.protocol = factory.buildProtocol(None)
        self._wires.append(wire)
        wire.protocol.makeConnection(wire)
        return wire

    def refuse(self) -> None:
        """Let the latest connection be refused."""
        factory = self.clock.tcpClients[-1][2]
        self._wires.append(Wire(self.clock))
        factory.clientConnectionFailed(self.clock.connectors[-1], Failure(ConnectionRefusedError()))

    def counted(self, name: str) -> float:
        """Read a counter."""
        return self.figure(f"{name}_total")

    def figure(self, name: str) -> float:
        """Read a figure by its name and labels; 0 for one that is not there."""
        lines = self.metrics.render().decode().splitlines()
        found = (line.rpartition(" ")[2] for line in lines if line.startswith(f"codexd_{name} "))
        return float(next(found, 0))
