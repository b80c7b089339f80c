"""Which addresses may be connected to for a client: public ones, and those that a setting allows.

The tables follow IANA's registries of special-purpose addresses (RFC 6890). Python's `is_global` changes with its
version, so an address must pass both.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from codexd.neutral.records import frozen

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_V4_REFUSED: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # RFC 6598: carrier-grade NAT
            "127.0.0.0/8",
            "168.63.129.16/32",  # the metadata service of Azure, on an address that looks public
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # RFC 7526: relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_V6_PUBLIC: Final = IPv6Network("2000::/3")
_V6_REFUSED: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # RFC 2928: protocol assignments, Teredo among them
            "2001:db8::/32",
            "2002::/16",  # RFC 3056: 6to4, which embeds an IPv4 address
            "3fff::/20",
        ),
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214: the upper half of the interface id
_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


def parse_address(text: str) -> Address | None:
    """Parse an address in its standard form, without brackets; None if it is a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Return whether an address is a public unicast address, also if it is embedded in an IPv6 address."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _V4_REFUSED)
    embedded = embedded_address(address)
    if embedded is not None:
        return is_public(embedded)
    if address not in _V6_PUBLIC or not address.is_global or address.scope_id is not None:
        return False
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return not any(address in network for network in _V6_REFUSED)


def embedded_address(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a connection to an IPv4-mapped or NAT64 address reaches; None for others."""
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


@frozen
class AllowedHosts:
    """Hosts that may be connected to although their addresses are not public.

    Attributes:
        networks: their networks.
        names: host names, in lower case, whatever they resolve to.
    """

    networks: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "AllowedHosts":
        """Parse networks, addresses and host names.

        Raises:
            ValueError: if an entry is none of them; the message does not quote it.
        """
        networks: list[Network] = []
        names: set[str] = set()
        for entry in entries:
            network = _parse_network(entry)
            if network is not None:
                networks.append(network)
            elif is_host_name(entry.lower()):
                names.add(entry.lower().rstrip("."))
            else:
                raise ValueError("must be a network such as 10.0.0.0/8, an address or a host name")
        return cls(tuple(networks), frozenset(names))

    def permits(self, host: str, address: Address) -> bool:
        """Return whether a connection to this address is permitted for this host."""
        if host.lower().rstrip(".") in self.names:
            return True
        reached = (address, embedded_address(address)) if isinstance(address, IPv6Address) else (address,)
        return any(one in network for one in reached if one is not None for network in self.networks)


def is_host_name(text: str) -> bool:
    """Return whether this is a host name in ASCII and lower case, with or without a final dot."""
    name = text.removesuffix(".")
    last = name.rpartition(".")[2]
    return _HOST_NAME.fullmatch(name) is not None and not last.isdigit()


def _parse_network(text: str) -> Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None
