"""A certificate authority for tests, and an HTTP proxy that supports only CONNECT."""

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
class CertificateAuthority:
    """A self-signed certificate for 127.0.0.1.

    Attributes:
        pem: the certificate that a client must trust.
        secret: its key, as PEM.
        options: the TLS options of a server with the certificate.
    """

    pem: str
    secret: bytes
    options: CertificateOptions


def create_authority() -> CertificateAuthority:
    """Create a certificate that is valid for a day."""
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
    return CertificateAuthority(pem, secret, PrivateCertificate.loadPEM(pem.encode() + secret).options())


class _ToHost(Protocol):
    """The proxy's connection to the host."""

    def __init__(self, near: "_ToClient") -> None:
        self.client = near

    def dataReceived(self, data: bytes) -> None:
        self.client.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.client.transport.loseConnection()


class _ToClient(Protocol):
    """The proxy's connection to the client."""

    factory: "ConnectProxy"
    transport: Any

    def __init__(self) -> None:
        self.head = b""
        self.host: Any = None

    def dataReceived(self, data: bytes) -> None:
        if self.host is not None:
            self.host.transport.write(data)
            return
        self.head += data
        if self.head.endswith(b"\r\n\r\n"):
            target = self.head.split()[1].decode()
            self.factory.targets.append(target)
            if self.factory.refuses:
                self.transport.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            host, _, port = target.rpartition(":")
            endpoint = HostnameEndpoint(self.factory.reactor, host, int(port))
            connectProtocol(endpoint, _ToHost(self)).addCallback(self.opened)

    def opened(self, far: _ToHost) -> None:
        self.host = far
        self.transport.write(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.host is not None:
            self.host.transport.loseConnection()


class ConnectProxy(Factory):
    """The proxy.

    Attributes:
        targets: the hosts that clients asked for.
        refuses: it answers 403 and opens no tunnel.
    """

    protocol = _ToClient
    noisy = False

    def __init__(self, reactor: Any, refuses: bool = False) -> None:
        self.reactor = reactor
        self.refuses = refuses
        self.targets: list[str] = []
