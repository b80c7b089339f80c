"""The endpoints that the server listens on."""

import re
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort
from twisted.internet.task import deferLater
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Site

from codexd.http.inherited_port import listen_on_inherited
from codexd.stale_socket import find_socket, remove_stale_socket
from codexd.systemd.inherited_sockets import InheritedSockets, is_inherited

BACKLOG: Final = 1024
"""How many connections wait in the system until they are accepted; Twisted's default is 50."""

READY_SECONDS: Final = 30.0
"""How long clients of an inherited socket wait at most for the first back end that is ready."""

HAND_OVER_SECONDS: Final = 0.5
"""How long, before the drain, connections of an inherited socket may send their first request."""

_POLL_SECONDS: Final = 0.05
_WITH_BACKLOG: Final = re.compile(r"(?:haproxy:)?(?:tcp|ssl|unix):")


class Listeners:
    """The ports of a daemon.

    Args:
        reactor: provides what the endpoints need.
        inherited: the sockets that the service manager opened.

    Attributes:
        addresses: of the endpoints, with the real port where port 0 was configured.
    """

    _log = Logger()

    def __init__(self, reactor: Any, inherited: InheritedSockets) -> None:
        self.addresses: list[IAddress] = []
        self._reactor = reactor
        self._inherited = inherited
        self._own: list[IListeningPort] = []
        self._adopted: list[Port] = []
        self._wait: IDelayedCall | None = None

    def listen(self, description: str, site: Site) -> None:
        """Listen on an endpoint.

        Raises:
            SystemExit: with the reason, when that fails: the daemon is useless without this endpoint.
        """
        if is_inherited(description):
            self._adopt(description, site)
            return
        path = find_socket(description)
        if path is not None:
            remove_stale_socket(path)
        problems: list[Failure] = []
        endpoint = serverFromString(self._reactor, add_backlog(description))
        endpoint.listen(site).addCallbacks(self._add, problems.append)
        if problems:
            reason = problems[0].getErrorMessage().removesuffix(".")
            raise SystemExit(f"codexd: cannot listen on {description}: {reason}. Choose another address with --listen")

    def keep(self, port: IListeningPort) -> None:
        """Stop a port of another kind with the others."""
        self._own.append(port)

    def accept_when(self, ready: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
        """Accept connections from inherited sockets once a back end is ready, or after this time, to tell clients so.

        Until then clients wait in the socket, so that a restart costs them time, and no error.
        """
        if self._adopted and seconds > 0 and not ready():
            self._wait = self._reactor.callLater(_POLL_SECONDS, self.accept_when, ready, seconds - _POLL_SECONDS)
            return
        self._wait = None
        for port in self._adopted:
            port.startReading()

    async def hand_over(self) -> None:
        """Leave the inherited sockets to the next daemon, before the drain.

        Clients that connect from now on wait for it. Those that have connected have a moment to send their requests,
        which are still served.
        """
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        if self._adopted:
            await self._stop(self._adopted)
            await deferLater(self._reactor, HAND_OVER_SECONDS)

    async def stop(self) -> None:
        """Stop the ports that the daemon opened itself."""
        await self._stop(self._own)

    def _adopt(self, description: str, site: Site) -> None:
        found = self._inherited.find(description)
        if found is None:
            raise SystemExit(f"codexd: cannot listen on {description}: the service manager passed no such socket")
        port = listen_on_inherited(self._reactor, found.fd, found.family, site)
        self._adopted.append(port)
        self._record(port)

    def _add(self, port: IListeningPort) -> None:
        self._own.append(port)
        self._record(port)

    def _record(self, port: IListeningPort) -> None:
        address = port.getHost()
        self.addresses.append(address)
        self._log.info("Listening on {address}", event="listening", address=str(address))

    async def _stop(self, ports: "list[IListeningPort] | list[Port]") -> None:
        """Close ports. An error must not keep what follows from being saved."""
        while ports:
            port = ports.pop(0)
            try:
                await maybeDeferred(port.stopListening)
            except OSError as error:  # the file of a unix socket was removed by somebody else
                self._log.warn("{port} was not closed: {error}", event="port_not_closed", port=port, error=str(error))


def add_backlog(description: str) -> str:
    """Return an endpoint string with a backlog, unless it has one or its kind has none."""
    if not _WITH_BACKLOG.match(description) or ":backlog=" in description:
        return description
    return f"{description}:backlog={BACKLOG}"
