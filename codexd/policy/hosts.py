"""The host names by which requests may call codexd where no key is set.

A web page can make its own host name resolve to this machine (DNS rebinding). The browser then takes codexd for the
page's own server, and sends requests without an Origin header that names the page. Their Host header still does.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from codexd.neutral.records import frozen

ANY: Final = "*"
_PORT: Final = re.compile(r":\d*\Z")


@frozen
class HostPolicy:
    """The allowed hosts: this machine's own, and those of the settings.

    Attributes:
        names: host names and addresses in lower case, without brackets, port and final dot.
        any_host: every host is allowed.
    """

    names: frozenset[str] = frozenset()
    any_host: bool = False

    @classmethod
    def from_hosts(cls, hosts: tuple[str, ...]) -> "HostPolicy":
        """Parse the hosts of the settings; `*` allows any."""
        return cls(frozenset(map(normalise_host, hosts)), ANY in hosts)

    def allows(self, host: bytes | None) -> bool:
        """Return whether a request for this host, a Host header's value, is allowed.

        Browsers send a Host header with every request, so a request without one is not from a page.
        """
        if self.any_host or host is None:
            return True
        return _is_allowed(self.names, host)


@lru_cache(maxsize=64)
def _is_allowed(names: frozenset[str], host: bytes) -> bool:
    """Return whether a host is in the list or this machine; cached, as clients name few hosts again and again."""
    name = normalise_host(host.decode("latin-1"))
    return name in names or _is_loopback(name)


def normalise_host(host: str) -> str:
    """Return a host in lower case, without port, brackets and final dot."""
    name = _PORT.sub("", host.strip().lower()) if host.count(":") == 1 or "]" in host else host.strip().lower()
    return name.removeprefix("[").removesuffix("]").removesuffix(".")


def _is_loopback(name: str) -> bool:
    """Return whether a name or an address is of this machine only (RFC 6761, 6.3)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
