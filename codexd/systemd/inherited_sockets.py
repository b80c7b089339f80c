"""The listening sockets that the service manager opened for the daemon (sd_listen_fds(3))."""

import os
import re
import socket
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from ipaddress import ip_address
from typing import Final

from attrs import field, frozen

_FIRST: Final = 3
_FAMILIES: Final = {socket.AF_INET: "INET", socket.AF_INET6: "INET6", socket.AF_UNIX: "UNIX"}
_DESCRIPTION: Final = re.compile(r"systemd:domain=(INET6?|UNIX):(?:name=([^:=]+)|index=(\d{1,4}))")


@frozen(kw_only=True)
class InheritedSocket:
    """One socket.

    Attributes:
        fd: its file descriptor.
        family: INET, INET6 or UNIX.
        name: `FileDescriptorName` of the socket unit.
        is_local: only this machine can connect.
    """

    fd: int
    family: str
    name: str
    is_local: bool


@frozen
class InheritedSockets:
    """All of them, in their order."""

    sockets: tuple[InheritedSocket, ...] = field(default=())

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], pid: int) -> "InheritedSockets":
        """Find the sockets by LISTEN_FDNAMES; descriptors that are no listening sockets are left out.

        Twisted removes LISTEN_PID and LISTEN_FDS from the environment when it reads them.
        """
        names = environ.get("LISTEN_FDNAMES", "")
        if not names or environ.get("LISTEN_PID", str(pid)) != str(pid):
            return cls()
        found = (_inspect(_FIRST + place, name) for place, name in enumerate(names.split(":")))
        return cls(tuple(one for one in found if one is not None))

    @property
    def descriptions(self) -> tuple[str, ...]:
        """The endpoint strings with which `http.listen` names them."""
        counts = Counter(one.name for one in self.sockets)
        return tuple(
            f"systemd:domain={one.family}:" + (f"name={one.name}" if counts[one.name] == 1 else f"index={place}")
            for place, one in enumerate(self.sockets)
        )

    def find(self, description: str) -> InheritedSocket | None:
        """Return the socket that an endpoint string names, if there is one of its domain."""
        if (match := _DESCRIPTION.fullmatch(description)) is None:
            return None
        domain, name, index = match.groups()
        for place, one in enumerate(self.sockets):
            if one.family == domain and (one.name == name if index is None else place == int(index)):
                return one
        return None


NO_SOCKETS: Final = InheritedSockets()
"""The daemon opens its sockets itself."""


def is_inherited(description: str) -> bool:
    """Return whether an endpoint string names an inherited socket."""
    return description.startswith("systemd:")


def check_form(description: str) -> None:
    """Check the endpoint string of an inherited socket, which need not exist.

    Raises:
        ValueError: with the right form.
    """
    if not _DESCRIPTION.fullmatch(description):
        raise ValueError("write systemd:domain=INET:name=http, with the domain INET, INET6 or UNIX, and name or index")


def _inspect(fd: int, name: str) -> InheritedSocket | None:
    """Return what a descriptor is; None if it is no listening stream socket."""
    try:
        with closing(socket.socket(fileno=os.dup(fd))) as copy:
            family = _FAMILIES.get(copy.family)
            if family is None or copy.type != socket.SOCK_STREAM:
                return None
            if not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return None
            bound = copy.getsockname()
    except OSError:
        return None
    if family == "UNIX":
        return InheritedSocket(fd=fd, family=family, name=name, is_local=True)
    return InheritedSocket(fd=fd, family=family, name=name, is_local=ip_address(bound[0]).is_loopback)
