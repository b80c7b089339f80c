"""What one API key may do: its limits, its budgets, and the models and endpoints that are open to it."""

import re
from typing import Final, Literal

from codexd.neutral.records import frozen

FAMILIES: Final = (
    "chat",
    "completions",
    "responses",
    "embeddings",
    "models",
    "images",
    "audio",
    "moderations",
    "metrics",
    "usage",
)
"""The families of endpoints; `responses` are stored responses and conversations, too."""

RESERVED_NAMES: Final = frozenset(("anonymous", "local-admin", "none", "other"))
"""Ids of principals that no key has."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNNAMED: Final = re.compile(r"[0-9a-f]{12}")


def is_valid_name(name: str) -> bool:
    """Return whether a key can have this name: it is also an id in logs, metrics and the store.

    The ids of keys without a name, 12 hexadecimal digits, and the reserved ones are no names.
    """
    return bool(_NAME.fullmatch(name)) and not _UNNAMED.fullmatch(name) and name not in RESERVED_NAMES


@frozen(kw_only=True)
class KeyPolicy:
    """The policy of one API key. A limit of None does not exist.

    Attributes:
        name: the key's name; empty for a key without one, which has no limits.
        models: the models it may use, as names or patterns (`gpt-*`); empty: all.
        endpoints: the families of endpoints it may use; empty: all, but for a key with a name not `metrics`.
        requests_per_minute: the maximum number of requests in a minute.
        tokens_per_minute: the maximum number of input and output tokens in a minute.
        concurrent_turns: the maximum number of turns that run at once; None: that of all keys.
        stored_bytes: the maximum size of its stored responses and conversations; None: that of all keys.
        background_responses: the maximum number of background responses that run at once.
        tokens_per_day: the budget of tokens in a calendar day (UTC).
        tokens_per_month: the budget of tokens in a calendar month (UTC).
        output_mode: the form of tool calls; None: the default of `tools.output_mode`.
        agent: it may use aliases with `profile = "agent"`.
        admin: it may administer the daemon.
        codex: the only CODEX_HOME that it may use, by the name of its back end; None: all.
    """

    name: str = ""
    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_turns: int | None = None
    stored_bytes: int | None = None
    background_responses: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    output_mode: Literal["openai-json", "obsidian-xml"] | None = None
    agent: bool = False
    admin: bool = False
    codex: str | None = None


def allows_endpoint(policy: KeyPolicy, family: str) -> bool:
    """Return whether a key may use the endpoints of a family.

    The metrics show what every key uses: a key with a name reads them only if its policy says so.
    """
    if family == "metrics" and policy.admin:
        return True
    if policy.endpoints:
        return family in policy.endpoints
    return family != "metrics" or not policy.name


OPEN_POLICY: Final = KeyPolicy(agent=True)
"""The policy of every request where no key is configured."""

UNNAMED_POLICY: Final = KeyPolicy()
"""The policy of the keys of `http.api_keys`, which have no limits."""

ADMIN_POLICY: Final = KeyPolicy(agent=True, admin=True)
"""The policy of the keys of `admin.api_keys`, and of the control socket: everything is allowed."""
