"""An in-memory client of the scripted model."""

from attrs import frozen
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from codexd.scripted.server import ScriptedModel, build_site
from codexd.wire.json import Json, decode, encode
from codexd.wire.sse import SseDecoder


def events(stream: bytes) -> list[Json]:
    """Decode the data of every event except `[DONE]`. Assert that its name equals its type."""
    decoded = []
    for frame in SseDecoder().receive(stream):
        if frame.data != b"[DONE]":
            event = decode(frame.data)
            assert frame.event is None or frame.event.decode() == event["type"]
            decoded.append(event)
    return decoded


@frozen
class Received:
    """One HTTP response, possibly incomplete."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes]
    """The chunks of the transfer coding; a body of known length is one chunk."""
    complete: bool

    @property
    def body(self) -> bytes:
        """The body so far."""
        return b"".join(self.chunks)

    @property
    def json(self) -> Json:
        """The body as JSON."""
        return decode(self.body)

    @property
    def events(self) -> list[Json]:
        """The events of the body."""
        return events(self.body)


class Client:
    """One connection to its own scripted model, with a fake clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.model = ScriptedModel(self.clock)
        self.transport = StringTransportWithDisconnection()
        self.protocol = build_site(self.clock, self.model).buildProtocol(None)
        assert self.protocol is not None
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        """Send one request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.protocol.dataReceived("\r\n".join([*lines, "", ""]).encode() + body)

    def ask(self, text: str, path: str = "/v1/responses", stream: bool = True, **members: Json) -> None:
        """Send a request whose user message is `text`, in the dialect of the path."""
        content = {"input": text} if "responses" in path else {"messages": [{"role": "user", "content": text}]}
        self.send("POST", path, encode({"stream": stream, **content, **members}))

    def pause(self) -> None:
        """Pause the producer, as a transport with a full buffer does."""
        self.transport.producer.pauseProducing()

    def resume(self) -> None:
        """Resume the producer."""
        self.transport.producer.resumeProducing()

    def disconnect(self) -> None:
        """Close the connection as the client."""
        self.transport.loseConnection()

    def received(self) -> Received:
        """Return the response so far."""
        head, _, rest = self.transport.value().partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        chunks, complete = _unchunked(rest) if "transfer-encoding" in headers else ([rest], True)
        return Received(int(first.split()[1]), headers, chunks, complete)


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
