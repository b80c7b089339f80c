"""Removes keys from what a trace contains: credentials in headers, wherever they occur, and what looks like one."""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from codexd.request_trace import Headers

MARK: Final = b"***"

_SECRET_HEADER: Final = re.compile(rb"auth|cookie|key|secret|token|password|credential", re.IGNORECASE)
_SECRET_PARAMETER: Final = re.compile(_SECRET_HEADER.pattern + rb"|pwd|\bsig", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb"([?&])([^=&#\s]*)=([^&#\s]*)")
_LIMITS: Final = b"x-ratelimit-"
_MIN_SECRET_BYTES: Final = 8
"""A shorter value may occur anywhere by chance."""

_MEMBERS: Final = (
    rb"(?:proxy-)?authorization|cookie|x-api-key|api[-_]?key|access[-_]?token|refresh[-_]?token|id[-_]?token|"
    rb"client[-_]?secret|password"
)
_PATTERNS: Final = (
    (re.compile(rb'("(?:' + _MEMBERS + rb')"\s*:\s*")(?:[^"\\]|\\.)*(?=")', re.IGNORECASE), rb"\1***"),
    (re.compile(rb'(\\"(?:' + _MEMBERS + rb')\\"\s*:\s*\\")[^"\\]*(?=\\")', re.IGNORECASE), rb"\1***"),
    (re.compile(rb"(\b(?:Bearer|Basic) )[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rb"\1***"),
    (re.compile(rb"\b(sk-|sess-)[A-Za-z0-9_-]{12,}"), rb"\1***"),
)


class Redaction:
    """Removes the keys of one request.

    Args:
        headers: of the client's request.
        secrets: further keys.
    """

    def __init__(self, headers: Headers, secrets: Iterable[bytes] = ()) -> None:
        values = {value.rpartition(b" ")[2] for name, value in headers if _is_secret(name)} | set(secrets)
        self._values = sorted((one for one in values if len(one) >= _MIN_SECRET_BYTES), key=len, reverse=True)

    def apply(self, data: bytes) -> bytes:
        """Return data without keys."""
        for value in self._values:
            data = data.replace(value, MARK)
        for pattern, replacement in _PATTERNS:
            data = pattern.sub(replacement, data)
        return data

    def apply_to_url(self, url: bytes) -> bytes:
        """Return a URL or a path without keys, also without those in its query."""
        return self.apply(_PARAMETER.sub(_redact_parameter, url))

    def apply_to_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        """Yield headers; those that carry keys or cookies keep only their names."""
        for name, value in headers:
            yield name, MARK if _is_secret(name) else self.apply_to_url(value)


def _redact_parameter(found: re.Match[bytes]) -> bytes:
    begin, name, value = found.groups()
    return begin + name + b"=" + (MARK if _SECRET_PARAMETER.search(unquote_to_bytes(name)) else value)


def _is_secret(name: bytes) -> bool:
    return bool(_SECRET_HEADER.search(name)) and not name.lower().startswith(_LIMITS)
