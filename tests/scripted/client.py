"""A client of the scripted model over in-memory transports, and readers of what it gets."""

from attrs import frozen
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from codexd.scripted.server import ScriptedModel, scripted_site
from codexd.wire.json import Json, decode, encode
from codexd.wire.sse import Reader


def events(stream: bytes) -> list[Json]:
    """Decode the data of every event but `[DONE]`; an event's name must be its type."""
    decoded = []
    for frame in Reader().receive(stream):
        if frame.data != b"[DONE]":
            event = decode(frame.data)
            assert frame.event is None or frame.event.decode() == event["type"]
            decoded.append(event)
    return decoded


@frozen
class Received:
    """One HTTP response, as far as it has come."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes]
    """One a chunk of the transfer coding; a body of known length is one chunk."""
    whole: bool

    @property
    def body(self) -> bytes:
        """What came of the body."""
        return b"".join(self.chunks)

    @property
    def json(self) -> Json:
        """The body, decoded."""
        return decode(self.body)

    @property
    def events(self) -> list[Json]:
        """The body, read as an event stream."""
        return events(self.body)


class Client:
    """One connection to a scripted model of its own, on a clock that only the test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.model = ScriptedModel(self.clock)
        self.transport = StringTransportWithDisconnection()
        self.protocol = scripted_site(self.clock, self.model).buildProtocol(None)
        assert self.protocol is not None
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        """Send one request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.protocol.dataReceived("\r\n".join([*lines, "", ""]).encode() + body)

    def ask(self, text: str, path: str = "/v1/responses", stream: bool = True, **members: Json) -> None:
        """Ask what the script `text` asks, in the dialect of the path."""
        said = {"input": text} if "responses" in path else {"messages": [{"role": "user", "content": text}]}
        self.send("POST", path, encode({"stream": stream, **said, **members}))

    def pause(self) -> None:
        """Have the transport say that its buffer is full."""
        self.transport.producer.pauseProducing()

    def resume(self) -> None:
        """Have the transport say that there is room again."""
        self.transport.producer.resumeProducing()

    def leave(self) -> None:
        """Close the connection from the client's side."""
        self.transport.loseConnection()

    def received(self) -> Received:
        """Read the answer so far."""
        head, _, rest = self.transport.value().partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        chunks, whole = _unchunked(rest) if "transfer-encoding" in headers else ([rest], True)
        return Received(int(first.split()[1]), headers, chunks, whole)


def _unchunked(rest: bytes) -> tuple[list[bytes], bool]:
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return chunks, True
        chunks.append(rest[:length])
        rest = rest[length + 2 :]
    return chunks, False
