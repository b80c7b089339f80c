"""Parses the URLs of images and decides which may be fetched, before any host name is resolved."""

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import quote, urljoin

import idna
from attrs import evolve

from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.records import frozen
from codexd.policy.addresses import Address, AllowedHosts, is_host_name, is_public, parse_address

MAX_URL_CHARACTERS: Final = 8192
"""The maximum length of a URL; it is kept in the cache and sent in one line."""

SEND_INLINE: Final = "Send the image inline, as a data URL."
_URL: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?:\[([0-9a-fA-F:.]{2,45})\]|([^\[\]:@%]{1,255}))(?::([0-9]{0,5}))?")
_OLD_ADDRESS: Final = re.compile(r"(?=.{1,63}\Z)(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}\.?")
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f\\]")
_PORTS: Final = {"http": 80, "https": 443}
_SAFE: Final = "!$%&'()*+,/:;=?@[]~"  # RFC 3986; percent signs are those of a URL that is encoded already


@frozen(kw_only=True)
class ImageUrl:
    """The URL of an image in its canonical form, in ASCII.

    Attributes:
        scheme: http or https.
        host: the host name or address, in lower case and without brackets.
        port: the port, also if it is the scheme's own.
        text: the whole URL without its fragment.
    """

    scheme: str
    host: str
    port: int
    text: str


@frozen
class UrlRules:
    """What URLs may be fetched.

    Attributes:
        allowed: hosts whose addresses need not be public.
        ports: the ports that may be connected to.
        downgrade: https may redirect to http.
    """

    allowed: AllowedHosts = AllowedHosts()
    ports: frozenset[int] = frozenset((80, 443))
    downgrade: bool = False

    def parse(self, text: str) -> ImageUrl:
        """Parse and check a URL that a client sent.

        Raises:
            FaultError: `image_refused`.
        """
        return self._check(_parse(text))

    def follow(self, source: ImageUrl, location: str) -> ImageUrl:
        """Parse and check the target of a redirect.

        Raises:
            FaultError: `image_refused`.
        """
        try:
            target = _parse(urljoin(source.text, location))
        except ValueError:
            raise FaultError(_invalid()) from None
        if source.scheme == "https" and target.scheme == "http" and not self.downgrade:
            message = f"The image's server redirects from https to http (images.redirect_to_http). {SEND_INLINE}"
            raise FaultError(refusal(target.host, "downgrade", message))
        return self._check(target)

    def check_addresses(self, host: str, addresses: tuple[str, ...]) -> None:
        """Check every address that a host name resolves to.

        Raises:
            FaultError: `image_refused` if one of them is neither public nor allowed.
        """
        for text in addresses:
            self._check_address(host, parse_address(text))

    def _check(self, url: ImageUrl) -> ImageUrl:
        if url.port not in self.ports:
            message = f"The port of the image's URL is not allowed on this server (images.ports). {SEND_INLINE}"
            raise FaultError(refusal(url.host, "port", message))
        literal = parse_address(url.host)
        if literal is not None:
            self._check_address(url.host, literal)
        return url

    def _check_address(self, host: str, address: Address | None) -> None:
        if address is None or not (is_public(address) or self.allowed.permits(host, address)):
            message = f"The host of the image's URL is not public (images.allow_private). {SEND_INLINE}"
            raise FaultError(refusal(host, "address", message))


def refusal(host: str, reason: str, message: str) -> Fault:
    """Build the Fault of an image that is not fetched.

    Args:
        host: of its URL, for the log; never the URL, which may contain a secret.
        reason: one word for the log.
        message: for the client.
    """
    return _noted("image_refused", host, reason, message)


def failure(host: str, reason: str, message: str, kind: str = "image_failed") -> Fault:
    """Build the Fault of an image that could not be fetched; the arguments are those of `refusal`."""
    return _noted(kind, host, reason, message)


def _noted(kind: str, host: str, reason: str, message: str) -> Fault:
    return evolve(fault(kind, message), note=f"image from {host}: {reason}")


def _parse(text: str) -> ImageUrl:
    """Parse a URL into its canonical form: the host that is checked is the one that the request names.

    Raises:
        FaultError: `image_refused`.
    """
    matched = None if len(text) > MAX_URL_CHARACTERS or _FORBIDDEN.search(text) else _URL.fullmatch(text)
    if matched is None:
        raise FaultError(_invalid())
    scheme, authority, path, query = matched[1].lower(), matched[2], matched[3], matched[4] or ""
    if "@" in authority:
        message = f"The image's URL must not contain a user name or a password. {SEND_INLINE}"
        raise FaultError(refusal("?", "userinfo", message))
    try:
        host, port = _parse_authority(authority, _PORTS[scheme])
        target = quote(path or "/", safe=_SAFE) + quote(query, safe=_SAFE)
    except ValueError:  # the errors of idna are ValueErrors, too
        raise FaultError(_invalid()) from None
    netloc = f"[{host}]" if ":" in host else host
    if port != _PORTS[scheme]:
        netloc += f":{port}"
    return ImageUrl(scheme=scheme, host=host, port=port, text=f"{scheme}://{netloc}{target}")


def _parse_authority(authority: str, default_port: int) -> tuple[str, int]:
    matched = _AUTHORITY.fullmatch(authority)
    if matched is None:
        raise ValueError("neither a host nor a host and a port")
    host = str(IPv6Address(matched[1])) if matched[1] else _parse_host(matched[2])
    port = int(matched[3] or default_port)
    if not 0 < port < 65536:
        raise ValueError("the port is out of range")
    return host, port


def _parse_host(text: str) -> str:
    """Return a host name in ASCII and lower case, without the final dot, which certificates do not have.

    An address in an old form, such as `127.1` or `0x7f000001`, is treated as a name: it is resolved, then checked.
    """
    host = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
    if not is_host_name(host) and _OLD_ADDRESS.fullmatch(host) is None:
        raise ValueError("not a host name")
    return host.removesuffix(".")


def _invalid() -> Fault:
    return refusal("?", "invalid", f"The image's URL is not valid. {SEND_INLINE}")
