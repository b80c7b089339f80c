"""Settings of stored responses and conversations, and of the Responses API."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Seconds


@frozen
class Responses:
    """Storage and dialect of /v1/responses and /v1/conversations.

    Attributes:
        store: the SQLite file that keeps answers and conversations; `:memory:` forgets them at the end. Left
            out: `responses.sqlite3` in codexd's state directory.
        keep_seconds: how long an answer or an unused conversation is kept.
        keep_limit: how many answers, and how many conversations, are kept; the oldest make room.
        history_bytes: the largest history that can be gone on from.
        file_bytes: how large the file may become. When it is nearly full a tenth of the answers makes room at
            each pruning; when it is full, answers that cannot be kept fail.
        prune_seconds: how often what is too old or too much is deleted.
        sync: wait for the disk with every answer, so that it survives a power cut as well as a crash.
        background_limit: how many answers may run in the background at once.
        hosted_tools: a hosted tool that Codex cannot run is an error, or is dropped with a note.
        compatibility: further habits for clients that need them: `tool-events` adds
            `response.output_tool_call.*` and `response.done` to streams, `tool-messages` reads input messages
            of role `tool`. A request's `x-codexd-compatibility` header chooses for itself.
    """

    store: str | None = None
    keep_seconds: Seconds = 30 * 86400.0
    keep_limit: Count = 100_000
    history_bytes: Bytes = 64 * 2**20
    file_bytes: Bytes = 16 * 2**30
    prune_seconds: Seconds = 300.0
    sync: bool = False
    background_limit: Count = 32
    hosted_tools: Literal["refuse", "drop"] = "refuse"
    compatibility: tuple[Literal["tool-events", "tool-messages"], ...] = ()
