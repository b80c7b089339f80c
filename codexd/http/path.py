"""Canonical paths: clients spell the same path in several ways."""

from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

_PREFIXES: Final = ("v1", "api")
_UNVERSIONED: Final = ("livez", "readyz", "healthz", "health", "metrics")


@lru_cache(maxsize=128)
def canonical(target: bytes) -> str:
    """Return the path that the route table knows.

    `/v1/x`, `/x`, `/v1/v1/x`, `/api/v1/x`, trailing and doubled slashes all mean `/v1/x`; the probes have no
    `/v1`. Percent-encoding is decoded (RFC 3986), so a model's name may contain an encoded slash.

    Args:
        target: the request target without its query; absolute (`http://host/x`, RFC 9112, 3.2.2) or not.
    """
    text = unquote_to_bytes(target).decode("utf-8", "replace")
    if text.startswith(("http://", "https://")):
        text = text.partition("://")[2].partition("/")[2]
    segments = [segment for segment in text.split("/") if segment]
    first = next((at for at, segment in enumerate(segments) if segment not in _PREFIXES), len(segments))
    if segments[first:] and segments[first] in _UNVERSIONED:
        return "/" + "/".join(segments[first:])
    return "/".join(("/v1", *segments[first:]))
