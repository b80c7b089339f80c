"""A server of images on 127.0.0.1 that behaves as badly as a test wants, and a resolver whose answers change."""

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from codexd.images.resolver import FixedResolver

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
GIF = b"GIF89a" + bytes(range(64))

Script = Callable[["ImageConnection"], None]
"""Responds to one request."""


class ImageConnection(Protocol):
    """One connection of the image server.

    Attributes:
        received: what the client sent.
        sent_bytes: how much was written.
        lost: the client's connection was lost.
    """

    transport: Any
    factory: "ImageServer"

    def connectionMade(self) -> None:
        self.received = b""
        self.sent_bytes = 0
        self.lost = False
        self._repeated: LoopingCall | None = None
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(b"\r\n\r\n"):
            path = self.received.split(b" ", 2)[1].decode().partition("?")[0]
            self.factory.requests.append(self.received.decode())
            self.factory.scripts[path](self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        if self._repeated is not None and self._repeated.running:
            self._repeated.stop()

    def send(self, data: bytes) -> None:
        self.sent_bytes += len(data)
        self.transport.write(data)

    def repeat(self, data: bytes, seconds: float) -> None:
        """Send the same data again and again, until the client disconnects."""
        self._repeated = LoopingCall(self.send, data)
        self._repeated.clock = self.factory.reactor
        self._repeated.start(seconds)


class ImageServer(Factory):
    """A server with one script for each path.

    Attributes:
        scripts: by path.
        requests: the heads of the requests.
        connections: all connections.
        port: the port, once it listens.
    """

    protocol = ImageConnection
    noisy = False

    def __init__(self, reactor: Any, scripts: dict[str, Script], interface: str = "127.0.0.1", port: int = 0) -> None:
        self.reactor = reactor
        self.scripts = scripts
        self.requests: list[str] = []
        self.connections: list[ImageConnection] = []
        self.listening = reactor.listenTCP(port, self, interface=interface)
        self.port: int = self.listening.getHost().port


def respond(body: bytes = PNG, *headers: str, status: str = "200 OK", length: int | None = None) -> Script:
    """Send one response with its length, and keep the connection open."""
    size = len(body) if length is None else length
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers))
    return lambda connection: connection.send(f"{head}\r\n".encode() + body)


def redirect(location: str, status: str = "302 Found") -> Script:
    """Redirect, with a body."""
    return respond(b"elsewhere", f"Location: {location}", status=status)


@implementer(IHostnameResolver)
class ChangingResolver:
    """Resolves each name to the next list of its addresses, the last one for ever.

    Attributes:
        asked: the names, in the order of the lookups.
    """

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self._names = names
        self.asked: list[str] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append(hostName)
        answers = self._names.get(hostName, [[]])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        addresses = tuple(IPv4Address("TCP", one, portNumber) for one in found)
        return FixedResolver(addresses).resolveHostName(resolutionReceiver, hostName, portNumber)
