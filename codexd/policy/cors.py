"""Which pages a browser lets call us, and what they may read (WHATWG Fetch, the CORS protocol)."""

import re
from typing import Final

from attrs import frozen

Header = tuple[bytes, bytes]

_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"x-request-id, retry-after, x-should-retry, openai-processing-ms, openai-version, x-codexd-ignored",
)
_METHODS: Final = (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE, OPTIONS")
_AGE: Final = (b"access-control-max-age", b"600")
_ANY: Final = (b"access-control-allow-origin", b"*")
_BY_ORIGIN: Final = (b"vary", b"origin")
_NAMES: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")

_LOOPBACK: Final = re.compile(rb"https?://(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?")


@frozen
class Cors:
    """The pages that may call: any, or those of the listed origins.

    Attributes:
        origins: as a browser sends them, `null` and schemes of apps (`app://obsidian.md`) included.
        any: every origin may; browsers then never send credentials of their own.
        loopback: pages served by this machine to itself may, on any port.
    """

    origins: frozenset[bytes]
    any: bool
    loopback: bool = False

    @classmethod
    def allowing(cls, origins: tuple[str, ...]) -> "Cors":
        """Read the origins as a person writes them in the settings; `*` is any, `loopback` this machine."""
        named = frozenset(origin.rstrip("/").lower().encode() for origin in origins)
        return cls(named, "*" in origins, "loopback" in origins)

    def welcomes(self, origin: bytes | None) -> bool:
        """Tell whether a page of this origin may call; who sends no origin is no page."""
        if self.any or origin is None:
            return True
        origin = origin.lower()
        return origin in self.origins or (self.loopback and _LOOPBACK.fullmatch(origin) is not None)

    def answer(self, origin: bytes | None) -> tuple[Header, ...]:
        """Give the headers of an ordinary response, errors included."""
        if self.any:
            return _ANY, _EXPOSED
        if origin is None or not self.welcomes(origin):
            return (_BY_ORIGIN,)
        return *_named(origin), _BY_ORIGIN, _EXPOSED

    def preflight(
        self, origin: bytes | None, requested: bytes | None, private: bytes | None
    ) -> tuple[Header, ...]:
        """Give the headers of an OPTIONS response; without an allowed origin it allows nothing.

        Args:
            origin: the Origin header.
            requested: Access-Control-Request-Headers; whatever it names is allowed.
            private: Access-Control-Request-Private-Network (WICG Private Network Access): a public page asks
                to reach a local server.
        """
        if not self.any and (origin is None or not self.welcomes(origin)):
            return (_BY_ORIGIN,)
        headers = [*self.answer(origin), _METHODS, _AGE]
        if requested is not None and _NAMES.fullmatch(requested):
            headers.append((b"access-control-allow-headers", requested))
        if private == b"true":
            headers.append((b"access-control-allow-private-network", b"true"))
        return tuple(headers)


def _named(origin: bytes) -> tuple[Header, ...]:
    return (b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true")
