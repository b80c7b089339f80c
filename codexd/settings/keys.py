"""Settings of API keys: what each may do, and the file in which `codexd keys` keeps them."""

from datetime import datetime
from typing import Literal

from attrs import field, frozen

from codexd.settings.ranges import Bytes, Count

Family = Literal[
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
]
"""The families of endpoints (`codexd.policy.key_policy.FAMILIES`)."""


@frozen(kw_only=True)
class ApiKey:
    """An API key, its limits and its permissions.

    Attributes:
        name: the name of the key in the log, the metrics and the store: up to 64 letters, digits, `.`, `_` and
            `-`. Stored responses belong to the name, also after the key was replaced.
        sha256: the SHA-256 of the key, as 64 hexadecimal digits. `codexd keys add` creates a key and writes it.
        models: the models that it may use: names, or patterns such as `gpt-*`. Default: all but agents.
        endpoints: the families of endpoints that it may use. Default: all but `metrics`.
        requests_per_minute: the maximum number of requests in a minute.
        tokens_per_minute: the maximum number of input and output tokens in a minute.
        concurrent_turns: the maximum number of turns that run at once; further ones wait. Default:
            `queue.turns_per_key`.
        stored_bytes: the maximum size of its stored responses and conversations. Default: `responses.owner_bytes`.
        background_responses: the maximum number of background responses that run at once.
        tokens_per_day: the budget of tokens for a calendar day (UTC).
        tokens_per_month: the budget of tokens for a calendar month (UTC).
        output_mode: the form of tool calls for this key. Default: `tools.output_mode`.
        agent: it may use aliases with `profile = "agent"`.
        codex: the `[[codex]]` table that it uses; it sees no other one, and no alias of another one. Default: all.
        admin: it may administer the daemon (/admin), and read the metrics.
        expires: when the key ends, such as `2027-01-31T12:00:00Z`; a date means its beginning, UTC.
        created: when the key was created; for information.
        previous_sha256: the SHA-256 of the key before a rotation, which is valid until `previous_expires`.
        previous_expires: when that key ends.
    """

    name: str
    sha256: str = field(repr=False)
    models: tuple[str, ...] = ()
    endpoints: tuple[Family, ...] = ()
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent_turns: Count | None = None
    stored_bytes: Bytes | None = None
    background_responses: Count | None = None
    tokens_per_day: Count | None = None
    tokens_per_month: Count | None = None
    output_mode: Literal["openai-json", "obsidian-xml"] | None = None
    agent: bool = False
    codex: str | None = None
    admin: bool = False
    expires: datetime | None = None
    created: datetime | None = None
    previous_sha256: str | None = field(default=None, repr=False)
    previous_expires: datetime | None = None


@frozen
class Keys:
    """The file of API keys.

    Attributes:
        file: a TOML file with more tables `[[key]]`, which `codexd keys` edits. With it every request must send
            a key, also while the file has none.
    """

    file: str | None = None
