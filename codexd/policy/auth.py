"""Authenticate requests by API key, in any of the headers that OpenAI's and other clients use."""

import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from math import inf

from attrs import Attribute, field

from codexd.neutral.fault import Fault, fault
from codexd.neutral.records import frozen
from codexd.policy.key_policy import ADMIN_POLICY, OPEN_POLICY, UNNAMED_POLICY, KeyPolicy


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
        id: the key's name; of a key without one the first 12 hex digits of its SHA-256, which distinguish keys
            without revealing them.
        policy: the limits and permissions of its key.
    """

    id: str
    policy: KeyPolicy = UNNAMED_POLICY

    @property
    def is_admin(self) -> bool:
        """Whether it may administer the daemon."""
        return self.policy.admin


ANONYMOUS = Principal("anonymous", OPEN_POLICY)
"""The principal of every request if no API keys are configured."""

LOCAL_ADMIN = Principal("local-admin", ADMIN_POLICY)
"""The principal of every request on the control socket."""


def _not_empty(_: object, attribute: "Attribute[tuple[str, ...]]", keys: tuple[str, ...]) -> None:
    if not all(key.strip() for key in keys):
        raise ValueError("an API key must not be empty")


@frozen
class NamedKey:
    """A key that is known by its hash.

    Attributes:
        policy: its name, limits and permissions.
        digest: its SHA-256.
        expires: Unix time in seconds; None for never.
    """

    policy: KeyPolicy
    digest: bytes = field(repr=False)
    expires: float | None = None


@frozen
class KeyRing:
    """The configured API keys.

    Without any but of administrators, every request is allowed except for administration, unless a key is required
    all the same.

    Attributes:
        keys: the keys of clients, without a name.
        admin_keys: the keys of administrators, who may do everything.
        named: the keys with a name. A name can have several keys.
        is_required: requests need a key even if there is none.

    Raises:
        ValueError: if a key is empty, because an empty header would match it.
    """

    keys: tuple[str, ...] = field(default=(), repr=False, validator=_not_empty)
    admin_keys: tuple[str, ...] = field(default=(), repr=False, validator=_not_empty)
    named: tuple[NamedKey, ...] = ()
    is_required: bool = False
    _entries: tuple[tuple[bytes, Principal, float], ...] = field(init=False, repr=False, eq=False)

    @_entries.default
    def _build_entries(self) -> tuple[tuple[bytes, Principal, float], ...]:
        return (
            *_unnamed_entries(self.keys, UNNAMED_POLICY),
            *_unnamed_entries(self.admin_keys, ADMIN_POLICY),
            *(
                (key.digest, Principal(key.policy.name, key.policy), inf if key.expires is None else key.expires)
                for key in self.named
            ),
        )

    @property
    def is_open(self) -> bool:
        """Whether no key is required. Presented keys that are no administrator's are then ignored."""
        return not (self.keys or self.named or self.is_required)

    @property
    def has_admin(self) -> bool:
        """Whether any key may administer the daemon."""
        return any(principal.is_admin for _, principal, _ in self._entries)

    @property
    def policies(self) -> tuple[KeyPolicy, ...]:
        """The policies of all names."""
        return tuple({key.policy.name: key.policy for key in self.named}.values())

    def identify(self, credentials: Credentials, now: float) -> Principal | None:
        """Return the principal of these credentials, or None if no key matches or it has expired.

        Every presented key is compared with every known one, as digests of equal length, so that the time
        needed reveals nothing about the keys.

        Args:
            credentials: as presented.
            now: Unix time in seconds.
        """
        found = ANONYMOUS if self.is_open else None
        if not self._entries:
            return found
        for principal, expires in self._find(credentials):
            if now < expires:
                found = principal
        return found

    def identify_digest(self, digest: bytes, now: float) -> Principal | None:
        """Return the principal of a key whose SHA-256 this is; arguments and result otherwise as `identify`."""
        return next((principal for principal, expires in self._match(digest) if now < expires), None)

    def explain_rejection(self, credentials: Credentials, now: float) -> Fault:
        """Return the fault of credentials that `identify` has rejected: which key has expired, if one has."""
        for principal, expires in self._find(credentials):
            if now >= expires:
                ended = datetime.fromtimestamp(expires, UTC)
                message = f"Incorrect API key: key '{principal.id}' has expired at {ended:%Y-%m-%dT%H:%M:%SZ}."
                return fault("invalid_api_key", message)
        return fault("invalid_api_key")

    def _find(self, credentials: Credentials) -> Iterator[tuple[Principal, float]]:
        for presented in _presented(credentials):
            yield from self._match(sha256(presented).digest())

    def _match(self, digest: bytes) -> list[tuple[Principal, float]]:
        return [
            (principal, expires) for known, principal, expires in self._entries if hmac.compare_digest(digest, known)
        ]


def _unnamed_entries(keys: tuple[str, ...], policy: KeyPolicy) -> Iterator[tuple[bytes, Principal, float]]:
    for key in keys:
        digest = sha256(key.strip().encode()).digest()
        yield digest, Principal(digest.hex()[:12], policy), inf


def _presented(credentials: Credentials) -> tuple[bytes, ...]:
    keys = (_bearer(credentials.authorization), credentials.x_api_key, credentials.api_key)
    return tuple(key.strip() for key in keys if key is not None)


def _bearer(authorization: bytes | None) -> bytes | None:
    if authorization is None:
        return None
    scheme, _, key = authorization.strip().partition(b" ")
    return key if scheme.lower() == b"bearer" else authorization
