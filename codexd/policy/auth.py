"""Authenticate requests by API key, in any of the headers that OpenAI's and other clients use."""

import hmac
from hashlib import sha256

from attrs import Attribute, field

from codexd.neutral.records import frozen


@frozen
class Credentials:
    """The authentication headers of a request, unparsed; None if a header is absent.

    Attributes:
        authorization: `Bearer KEY` (OpenAI; RFC 6750, 2.1), or the bare key.
        x_api_key: the header of Anthropic's and many other clients.
        api_key: the header of Azure's clients.
    """

    authorization: bytes | None = field(default=None, repr=False)
    x_api_key: bytes | None = field(default=None, repr=False)
    api_key: bytes | None = field(default=None, repr=False)


@frozen
class Principal:
    """The authenticated client. Limits, stored state and log lines are assigned to it.

    Attributes:
        id: the first 12 hex digits of the key's SHA-256: distinguishes keys without revealing them.
        is_admin: may administer the daemon.
    """

    id: str
    is_admin: bool = False


ANONYMOUS = Principal("anonymous")
"""The principal of every request if no API keys are configured."""

LOCAL_ADMIN = Principal("local-admin", is_admin=True)
"""The principal of every request on the control socket."""


def _not_empty(_: object, attribute: "Attribute[tuple[str, ...]]", keys: tuple[str, ...]) -> None:
    if not all(key.strip() for key in keys):
        raise ValueError("an API key must not be empty")


@frozen
class KeyRing:
    """The configured API keys. Without any in `keys`, every request is allowed but for administration.

    Attributes:
        keys: the keys of clients.
        admin_keys: the keys of administrators, who may do everything.

    Raises:
        ValueError: if a key is empty, because an empty header would match it.
    """

    keys: tuple[str, ...] = field(default=(), repr=False, validator=_not_empty)
    admin_keys: tuple[str, ...] = field(default=(), repr=False, validator=_not_empty)
    _digests: tuple[tuple[bytes, bool], ...] = field(init=False, repr=False, eq=False)

    @_digests.default
    def _digest_all(self) -> tuple[tuple[bytes, bool], ...]:
        return (*_digest(self.keys, False), *_digest(self.admin_keys, True))

    @property
    def is_open(self) -> bool:
        """Whether no key is required. Presented keys that are no administrator's are then ignored."""
        return not self.keys

    @property
    def has_admin(self) -> bool:
        """Whether any key may administer the daemon."""
        return bool(self.admin_keys)

    def identify(self, credentials: Credentials) -> Principal | None:
        """Return the principal of these credentials, or None if no key matches.

        Every presented key is compared with every known one, as digests of equal length, so that the time
        needed reveals nothing about the keys.
        """
        found = ANONYMOUS if self.is_open else None
        if not self._digests:
            return found
        for presented in _presented(credentials):
            digest = sha256(presented).digest()
            for known, is_admin in self._digests:
                if hmac.compare_digest(digest, known):
                    found = Principal(digest.hex()[:12], is_admin)
        return found


def _digest(keys: tuple[str, ...], is_admin: bool) -> tuple[tuple[bytes, bool], ...]:
    return tuple((sha256(key.strip().encode()).digest(), is_admin) for key in keys)


def _presented(credentials: Credentials) -> tuple[bytes, ...]:
    keys = (_bearer(credentials.authorization), credentials.x_api_key, credentials.api_key)
    return tuple(key.strip() for key in keys if key is not None)


def _bearer(authorization: bytes | None) -> bytes | None:
    if authorization is None:
        return None
    scheme, _, key = authorization.strip().partition(b" ")
    return key if scheme.lower() == b"bearer" else authorization
