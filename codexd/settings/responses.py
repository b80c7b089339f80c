"""Settings of stored responses and conversations, and of the Responses API."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Seconds


@frozen(kw_only=True)
class Responses:
    """Storage and dialect of /v1/responses and /v1/conversations.

    Attributes:
        database: the SQLite file for responses and conversations; `:memory:` stores them until the daemon
            stops. Default: `responses.sqlite3` in codexd's state directory.
        retention_seconds: how long a response, or a conversation since its last use, is stored.
        retention_limit: the maximum number of stored responses, and of conversations, of all API keys; beyond it,
            the oldest of the keys that have more than their share are deleted.
        owner_bytes: the maximum size of what one API key stores; beyond it, its oldest responses and conversations
            are deleted. Default: no limit. A key with a name can have its own (`stored_bytes`).
        history_bytes: the maximum size of a history that a request can continue.
        database_bytes: the maximum size of the file. When it is nearly full, each pruning deletes a tenth of
            what is stored, from the API keys that store more than their share; when it is full, responses that
            cannot be stored fail.
        prune_interval_seconds: how often old and excess responses and conversations are deleted.
        sync: wait for the disk at every commit, so that stored responses also survive a power failure.
        call_seconds: the maximum time for which a request waits for the database, for example while the disk does
            not respond; then it fails.
        queue_bytes: the maximum memory of calls that wait for the database; beyond it, requests get a 503.
        background_limit: the maximum number of background responses that run at once. Beyond it, a request gets
            status 429, unless its API key has fewer than another one, whose newest one fails instead.
        hosted_tools: what happens to a hosted tool that no back end can run: `drop` removes the tool and lists
            it in `x-codexd-ignored`, `refuse` returns an error.
        compatibility: extensions for clients that need them: `tool-events` adds `response.output_tool_call.*`
            and `response.done` events to streams, `tool-messages` accepts input messages with role `tool`.
            The request header `x-codexd-compatibility` overrides this.
    """

    database: str | None = None
    retention_seconds: Seconds = 30 * 86400.0
    retention_limit: Count = 100_000
    owner_bytes: Bytes | None = None
    history_bytes: Bytes = 64 * 2**20
    database_bytes: Bytes = 16 * 2**30
    prune_interval_seconds: Seconds = 300.0
    sync: bool = False
    call_seconds: Seconds = 30.0
    queue_bytes: Bytes = 64 * 2**20
    background_limit: Count = 32
    hosted_tools: Literal["drop", "refuse"] = "drop"
    compatibility: tuple[Literal["tool-events", "tool-messages"], ...] = ()
