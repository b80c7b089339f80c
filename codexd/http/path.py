"""Canonical paths: clients spell the same path in several ways."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

_PREFIXES: Final = ("v1", "api")
_UNVERSIONED: Final = ("livez", "readyz", "healthz", "health", "metrics", "admin", "openapi.json")
_ABSOLUTE: Final = re.compile(rb"\Ahttps?://[^/?#]*", re.IGNORECASE)
_LOGGED_CHARACTERS: Final = 128
"""How many characters of an unknown path are logged."""

_SECRET: Final = re.compile(
    r"[^/]*sk-[^/]*|(?<![^/])(?!(?:resp|conv|msg|chatcmpl)[_-][0-9a-f]{16,64}(?:/|$))[^/]{24,}", re.IGNORECASE
)
"""A segment that may be a key, such as one that a client has as a part of its base URL; no endpoint is that long.
The ids of stored responses and conversations are shown."""


@lru_cache(maxsize=128)
def canonical(target: bytes) -> str:
    """Return the path that the route table knows.

    `/v1/x`, `/x`, `/v1/v1/x`, `/api/v1/x`, trailing and doubled slashes all mean `/v1/x`; the probes and
    `/admin` have no `/v1`. Percent-encoding is decoded (RFC 3986), so a model's name may contain an encoded slash.

    Args:
        target: the request target without its query; absolute (`http://host/x`, RFC 9112, 3.2.2) or not.
    """
    text = unquote_to_bytes(_without_host(target)).decode("utf-8", "replace")
    segments = [segment for segment in text.split("/") if segment]
    first = next((at for at, segment in enumerate(segments) if segment not in _PREFIXES), len(segments))
    if segments[first:] and segments[first] in _UNVERSIONED:
        return "/" + "/".join(segments[first:])
    return "/".join(("/v1", *segments[first:]))


@lru_cache(maxsize=128)
def printable_path(target: bytes) -> str:
    """Return a request target in a form that is safe to log.

    It is shortened, on one line, without a host, a query, and what may be a key.
    """
    shortened = _without_host(target.partition(b"?")[0])[: 4 * _LOGGED_CHARACTERS]
    text = unquote_to_bytes(shortened).decode("utf-8", "replace")
    path = text if text.startswith("/") else f"/{text}"
    shown = _SECRET.sub("***", path)[:_LOGGED_CHARACTERS]
    return "".join(letter if letter.isprintable() and letter != " " else "?" for letter in shown)


def _without_host(target: bytes) -> bytes:
    """Remove the scheme and the host of an absolute target; the case of a scheme does not matter (RFC 3986, 3.1)."""
    return _ABSOLUTE.sub(b"", target, count=1)
