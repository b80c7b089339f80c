"""API keys: parses the file of `[[key]]` tables, and builds the ring that authenticates requests."""

import tomllib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from attrs import frozen

from codexd.configuration.sources import ConfigurationError, suggest
from codexd.configuration.structure import structure_tree
from codexd.policy.auth import KeyRing, NamedKey
from codexd.policy.key_policy import KeyPolicy
from codexd.settings import ApiKey, Settings

_TABLE: Final = "key"


@frozen
class _KeysDocument:
    """The content of a file of keys."""

    key: tuple[ApiKey, ...] = ()


def parse_keys(text: str, name: str) -> tuple[ApiKey, ...]:
    """Parse a file of keys; values are checked one by one, their relations by `codexd.configuration.rules`.

    Raises:
        ConfigurationError: with every problem, the names of the keys and the name of the file.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}: not valid TOML: {error}") from error
    if unknown := [other for other in document if other != _TABLE]:
        raise ConfigurationError(
            *(
                f"{other}: unknown table{suggest(other, (_TABLE,))}; only [[key]] is allowed ({name})"
                for other in unknown
            )
        )
    return structure_tree(document, _KeysDocument, {_TABLE: name}).key


def build_policy(key: ApiKey) -> KeyPolicy:
    """Build the policy of a key."""
    return KeyPolicy(
        name=key.name,
        models=key.models,
        endpoints=key.endpoints,
        requests_per_minute=key.requests_per_minute,
        tokens_per_minute=key.tokens_per_minute,
        concurrent_turns=key.concurrent_turns,
        stored_bytes=key.stored_bytes,
        background_responses=key.background_responses,
        tokens_per_day=key.tokens_per_day,
        tokens_per_month=key.tokens_per_month,
        output_mode=key.output_mode,
        agent=key.agent,
        admin=key.admin,
        codex=key.codex,
    )


def build_key_ring(settings: Settings) -> KeyRing:
    """Build the ring of all keys of checked settings: at the start, and again whenever they are reloaded."""
    named = tuple(one for key in settings.key for one in _named_keys(key))
    return KeyRing(settings.http.api_keys, settings.admin.api_keys, named, is_required=settings.keys.file is not None)


def _named_keys(key: ApiKey) -> Iterator[NamedKey]:
    policy = build_policy(key)
    expires = _unix(key.expires)
    yield NamedKey(policy, bytes.fromhex(key.sha256), expires)
    if key.previous_sha256 is not None:
        ends = [moment for moment in (expires, _unix(key.previous_expires)) if moment is not None]
        yield NamedKey(policy, bytes.fromhex(key.previous_sha256), min(ends, default=0.0))


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
