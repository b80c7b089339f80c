"""Who is asking: API keys, presented the ways OpenAI's and other clients present them."""

import hmac
from hashlib import sha256

from attrs import Attribute, field, frozen


@frozen
class Credentials:
    """What a request presents, header values as they came; None where there is no such header.

    Attributes:
        authorization: `Bearer KEY` as OpenAI has it (RFC 6750, 2.1), or the bare key.
        x_api_key: as Anthropic's and many other clients send it.
        api_key: as Azure's clients send it.
    """

    authorization: bytes | None = field(default=None, repr=False)
    x_api_key: bytes | None = field(default=None, repr=False)
    api_key: bytes | None = field(default=None, repr=False)


@frozen
class Principal:
    """Who is asking: what limits, state and log lines are kept by.

    Attributes:
        id: the first 12 hex digits of the key's SHA-256, which tell keys apart and give none away.
    """

    id: str


ANONYMOUS = Principal("anonymous")
"""Everybody, when no keys are configured."""


def _not_empty(_: object, attribute: "Attribute[tuple[str, ...]]", keys: tuple[str, ...]) -> None:
    if not all(key.strip() for key in keys):
        raise ValueError("an API key is empty")


@frozen
class KeyRing:
    """The keys that open the door; with none it is open.

    Raises:
        ValueError: when a key is empty: a blank header would open the door.
    """

    keys: tuple[str, ...] = field(default=(), repr=False, validator=_not_empty)
    _digests: tuple[bytes, ...] = field(init=False, repr=False, eq=False)

    @_digests.default
    def _digest_all(self) -> tuple[bytes, ...]:
        return tuple(sha256(key.strip().encode()).digest() for key in self.keys)

    @property
    def open(self) -> bool:
        """Tell whether no key is needed; then any that is presented is as good."""
        return not self.keys

    def identify(self, credentials: Credentials) -> Principal | None:
        """Tell who presents these credentials, or None for nobody known.

        Every presented key is compared with every known one, and only digests of equal length are, so the
        time it takes tells nothing about the keys.
        """
        if self.open:
            return ANONYMOUS
        found = None
        for presented in _presented(credentials):
            digest = sha256(presented).digest()
            for known in self._digests:
                if hmac.compare_digest(digest, known):
                    found = Principal(digest.hex()[:12])
        return found


def _presented(credentials: Credentials) -> tuple[bytes, ...]:
    given = (_bearer(credentials.authorization), credentials.x_api_key, credentials.api_key)
    return tuple(key.strip() for key in given if key is not None)


def _bearer(authorization: bytes | None) -> bytes | None:
    if authorization is None:
        return None
    scheme, _, key = authorization.strip().partition(b" ")
    return key if scheme.lower() == b"bearer" else authorization
