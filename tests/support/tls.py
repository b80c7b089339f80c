"""A certificate authority of a test's own, and an HTTP proxy that only knows CONNECT."""

import datetime
import ipaddress
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.python.failure import Failure


@frozen
class Authority:
    """A certificate for 127.0.0.1 that vouches for itself.

    Attributes:
        pem: what a client has to trust.
        options: what a server is made with.
    """

    pem: str
    options: CertificateOptions


def authority() -> Authority:
    """Make one, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    today = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(hours=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Authority(pem, PrivateCertificate.loadPEM(pem.encode() + secret).options())


class _Far(Protocol):
    """The proxy's end at the host."""

    def __init__(self, near: "_Near") -> None:
        self.near = near

    def dataReceived(self, data: bytes) -> None:
        self.near.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.near.transport.loseConnection()


class _Near(Protocol):
    """The proxy's end at the client."""

    factory: "Proxy"
    transport: Any

    def __init__(self) -> None:
        self.head = b""
        self.far: Any = None

    def dataReceived(self, data: bytes) -> None:
        if self.far is not None:
            self.far.transport.write(data)
            return
        self.head += data
        if self.head.endswith(b"\r\n\r\n"):
            target = self.head.split()[1].decode()
            self.factory.asked.append(target)
            if self.factory.refuses:
                self.transport.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            host, _, port = target.rpartition(":")
            endpoint = HostnameEndpoint(self.factory.reactor, host, int(port))
            connectProtocol(endpoint, _Far(self)).addCallback(self.opened)

    def opened(self, far: _Far) -> None:
        self.far = far
        self.transport.write(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.far is not None:
            self.far.transport.loseConnection()


class Proxy(Factory):
    """The proxy.

    Attributes:
        asked: the hosts it was asked for.
        refuses: whether it opens no tunnel.
    """

    protocol = _Near
    noisy = False

    def __init__(self, reactor: Any, refuses: bool = False) -> None:
        self.reactor = reactor
        self.refuses = refuses
        self.asked: list[str] = []
