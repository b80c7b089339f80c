"""The web pages that may call codexd from a browser, and the headers they may read (WHATWG Fetch, CORS)."""

import re
from typing import Final

from codexd.neutral.records import frozen

Header = tuple[bytes, bytes]

_EXPOSE_HEADERS: Final = (
    b"access-control-expose-headers",
    b"x-request-id, retry-after, x-should-retry, openai-processing-ms, openai-version, x-codexd-ignored,"
    b" x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests,"
    b" x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens",
)
_ALLOW_METHODS: Final = (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE, OPTIONS")
_MAX_AGE: Final = (b"access-control-max-age", b"600")
_ALLOW_ANY: Final = (b"access-control-allow-origin", b"*")
_VARY_ORIGIN: Final = (b"vary", b"origin")
_HEADER_NAMES: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")

_LOOPBACK: Final = re.compile(rb"https?://(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?")


@frozen
class CorsPolicy:
    """The allowed origins.

    Attributes:
        origins: as a browser sends them, including `null` and the schemes of apps (`app://obsidian.md`).
        any_origin: every origin is allowed; browsers then send no credentials of their own.
        loopback: pages served by this machine itself are allowed, on any port.
    """

    origins: frozenset[bytes]
    any_origin: bool
    loopback: bool = False

    @classmethod
    def from_origins(cls, origins: tuple[str, ...]) -> "CorsPolicy":
        """Parse the origins of the settings; `*` allows any, `loopback` allows this machine."""
        allowed = frozenset(origin.rstrip("/").lower().encode() for origin in origins)
        return cls(allowed, "*" in origins, "loopback" in origins)

    def allows(self, origin: bytes | None) -> bool:
        """Return whether the origin is allowed. A request without an Origin header is not from a page."""
        if self.any_origin or origin is None:
            return True
        origin = origin.lower()
        return origin in self.origins or (self.loopback and _LOOPBACK.fullmatch(origin) is not None)

    def response_headers(self, origin: bytes | None) -> tuple[Header, ...]:
        """Return the CORS headers of a response, including error responses."""
        if self.any_origin:
            return _ALLOW_ANY, _EXPOSE_HEADERS
        if origin is None or not self.allows(origin):
            return (_VARY_ORIGIN,)
        return *_allow_headers(origin), _VARY_ORIGIN, _EXPOSE_HEADERS

    def preflight_headers(
        self, origin: bytes | None, requested: bytes | None, private: bytes | None
    ) -> tuple[Header, ...]:
        """Return the headers of the response to an OPTIONS request. Other origins are allowed nothing.

        Args:
            origin: the Origin header.
            requested: the Access-Control-Request-Headers header; every header it names is allowed.
            private: the Access-Control-Request-Private-Network header (WICG Private Network Access), with
                which a public page requests access to a local server.
        """
        if not self.any_origin and (origin is None or not self.allows(origin)):
            return (_VARY_ORIGIN,)
        headers = [*self.response_headers(origin), _ALLOW_METHODS, _MAX_AGE]
        if requested is not None and _HEADER_NAMES.fullmatch(requested):
            headers.append((b"access-control-allow-headers", requested))
        if private == b"true":
            headers.append((b"access-control-allow-private-network", b"true"))
        return tuple(headers)


def _allow_headers(origin: bytes) -> tuple[Header, ...]:
    return (b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true")
