"""Checks the head of a request as RFC 9112 requires it, where Twisted is more lenient.

What Twisted checks itself is not repeated here: the names and values of headers, `content-length` together with
`transfer-encoding`, a doubled `content-length`.
"""

import re
from collections.abc import Sequence
from typing import Final

from codexd.neutral.fault import Fault, fault
from codexd.neutral.records import frozen

_REQUEST_LINE: Final = re.compile(
    rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+) ([^\x00-\x20\x7f]+) HTTP/(\d)\.(\d)"  # RFC 9112, 3
)
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#]+)", re.IGNORECASE)
_HOST: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?"  # RFC 3986, 3.2.2
)
_MAX_LENGTH_DIGITS: Final = 18
"""No body has a length with more digits; Python refuses to convert thousands of them."""


@frozen
class RequestLine:
    """The parts of a request line.

    Attributes:
        version: `HTTP/1.0` or `HTTP/1.1`, which stands for any later minor version, too (RFC 9110, 2.5).
    """

    method: bytes
    target: bytes
    version: bytes

    def encode(self) -> bytes:
        """Return the line."""
        return b"%b %b %b" % (self.method, self.target, self.version)


def malformed(what: str) -> Fault:
    """Return the fault for a request that is not valid HTTP."""
    return fault("malformed_request", f"The request is not valid HTTP: {what}.")


def parse_request_line(line: bytes) -> RequestLine | Fault:
    """Parse a request line; the fault says what is wrong with it."""
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        return malformed("its first line must be METHOD TARGET HTTP/1.1")
    method, target, major, minor = found.groups()
    if major != b"1":
        return fault("version_unsupported")
    if not _is_target(method, target):
        return malformed("its target must be a path or an http URL")
    return RequestLine(method, target, b"HTTP/1.0" if minor == b"0" else b"HTTP/1.1")


def _is_target(method: bytes, target: bytes) -> bool:
    """Return whether the form of a target is allowed for the method (RFC 9112, 3.2)."""
    if target.startswith(b"/") or method == b"CONNECT":  # whose method is refused later
        return True
    authority = authority_of(target)
    if authority is not None:
        return b"@" not in authority and _HOST.fullmatch(authority) is not None
    return target == b"*" and method == b"OPTIONS"


def authority_of(target: bytes) -> bytes | None:
    """Return the host and port of a target in absolute form (`http://host/x`), None for other targets."""
    found = _ABSOLUTE.match(target)
    return None if found is None else found[1]


def check_framing(line: bytes, version: bytes) -> Fault | None:
    """Check a header line that says where the body ends.

    Returns:
        The fault of a line by which other servers would find another end of the body: 400 if it has no end, 501
        for a coding that codexd does not know (RFC 9112, 6.1 and 6.3).
    """
    name, _, value = line.partition(b":")
    name, value = name.lower(), value.strip(b" \t")
    if name == b"content-length" and len(value) > _MAX_LENGTH_DIGITS:
        return malformed("its content-length is not a length")
    if name != b"transfer-encoding" or (value.lower() == b"chunked" and version != b"HTTP/1.0"):
        return None
    if version == b"HTTP/1.0":
        return malformed("HTTP/1.0 has no transfer-encoding")
    *codings, last = (coding.strip(b" \t").lower() for coding in value.split(b","))
    if last != b"chunked" or b"chunked" in codings:
        return malformed("its transfer-encoding must end with chunked, once")
    return fault("coding_unknown")


def check_hosts(hosts: Sequence[bytes], version: bytes) -> Fault | None:
    """Check the values of the Host header (RFC 9112, 3.2): exactly one, or none in HTTP/1.0."""
    if not hosts:
        return None if version == b"HTTP/1.0" else malformed("it has no host header")
    if len(hosts) > 1:
        return malformed("it has several host headers")
    return None if _HOST.fullmatch(hosts[0]) else malformed("its host header is not a host")


def check_expectations(values: Sequence[bytes], version: bytes) -> Fault | None:
    """Check the values of the Expect header (RFC 9110, 10.1.1), which HTTP/1.0 does not have."""
    expected = {value.strip(b" \t").lower() for one in values for value in one.split(b",")}
    return fault("expectation_failed") if expected - {b"100-continue", b""} and version != b"HTTP/1.0" else None


def asks_to_close(values: Sequence[bytes]) -> bool:
    """Return whether the Connection header asks to close the connection (RFC 9112, 9.6)."""
    return any(option.strip(b" \t").lower() == b"close" for value in values for option in value.split(b","))
