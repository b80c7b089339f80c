"""What is set of how clients are spoken to: what is kept for them, and tool calls as text."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Limit, Seconds


@frozen
class Responses:
    """What /v1/responses and /v1/conversations keep, and how they speak.

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


@frozen
class Tools:
    """Tool calls as text: who is given them so, and what an answer with calls in its text is held to.

    Attributes:
        output_mode: `openai-json` gives calls as OpenAI does, `obsidian-xml` as blocks `<use_tool>` in the
            text, for clients that read them there. A request's `x-codexd-output-mode` (or the older
            `x-proxy-output-mode`) header chooses for itself.
        key_output_modes: the same for single keys: `ID=MODE`, where ID is the first 12 hexadecimal digits of
            the key's SHA-256.
        read_blocks: make calls of the blocks in a model's text that call a tool the client offered.
        block_max: how many calls one answer may make, 0 for any number; the next one ends it.
        stop_after: `first` ends an answer with its first call, `burst` with the first word after a call.
        suppress_tail: leave out what is said after an answer's last call.
        buffer_characters: longest call in a text; a longer one stays text.
        delimiter: what stands between a block and its surroundings, where no line break does.
    """

    output_mode: Literal["openai-json", "obsidian-xml"] = "openai-json"
    key_output_modes: tuple[str, ...] = ()
    read_blocks: bool = True
    block_max: Limit = 0
    stop_after: Literal["never", "burst", "first"] = "never"
    suppress_tail: bool = False
    buffer_characters: Count = 2**20
    delimiter: str = "\n\n"
