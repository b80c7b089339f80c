"""Listens on a socket that the service manager opened, and leaves it as it is."""

import os
import socket
from typing import Any, Final, cast

from twisted.internet import fdesc, tcp, unix
from twisted.python.failure import Failure
from twisted.web.server import Site

_FAMILIES: Final = {"INET": socket.AF_INET, "INET6": socket.AF_INET6}


def listen_on_inherited(reactor: Any, fd: int, family: str, site: Site) -> tcp.Port:
    """Listen on an inherited socket, without accepting connections yet (`startReading` does).

    When the port stops, only this process's descriptor is closed: clients then wait in the socket for the next daemon.

    Args:
        reactor: provides IReactorSocket.
        fd: the descriptor; the port takes it over.
        family: INET, INET6 or UNIX.
        site: what to serve.
    """
    fdesc.setNonBlocking(fd)
    if family == "UNIX":
        port: Any = _InheritedUnixPort._fromListeningDescriptor(reactor, fd, site)
        port.startListening()
    else:
        port = reactor.adoptStreamPort(fd, _FAMILIES[family], site)
    os.close(fd)  # the port has a duplicate
    port.stopReading()
    return cast("tcp.Port", port)


class _InheritedUnixPort(unix.Port):
    """A port whose socket belongs to another process.

    Twisted's own one changes the mode of the file, shuts the socket down for everybody, and removes the file.
    """

    _shouldShutdown = False

    def startListening(self) -> None:
        port: Any = self  # the types of unix.Port are those of a port that is not listening yet
        port.factory.doStart()
        port.socket, port._preexistingSocket = port._preexistingSocket, None
        port.fileno = port.socket.fileno
        port.connected = True
        port.numberAccepts = 100
        port.startReading()

    def connectionLost(self, reason: Failure) -> None:
        tcp.Port.connectionLost(self, reason)
