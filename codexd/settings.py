"""The one frozen tree of settings; read once (`codexd.configuration`), passed down by branches.

Precedence: argv > environment `CODEXD_*` > TOML > the defaults here. Durations end in `_seconds`, sizes in
`_bytes`. Every field here is a TOML key of the same name in the table of the same name. A field that `repr`
leaves out is a secret and is shown nowhere.
"""

from math import inf
from typing import Annotated, Literal

from attrs import field, frozen


@frozen
class Range:
    """Which numbers a setting takes: finite ones above, from and up to these.

    Attributes:
        above: the number must be greater than this.
        least: the smallest number taken.
        most: the greatest number taken.
    """

    above: float = -inf
    least: float = -inf
    most: float = inf

    def holds(self, number: float) -> bool:
        """Tell whether the number is in range; infinity and not-a-number never are."""
        return self.above < number < inf and self.least <= number <= self.most

    def __str__(self) -> str:
        """Say it in words, to follow "must be"."""
        limits = (("above", self.above), ("at least", self.least), ("at most", self.most))
        return " and ".join(f"{word} {number:g}" for word, number in limits if abs(number) != inf)


Seconds = Annotated[float, Range(above=0)]
Bytes = Annotated[int, Range(least=1)]
Count = Annotated[int, Range(least=1)]
Limit = Annotated[int, Range(least=0)]
Share = Annotated[float, Range(above=0, most=1)]


@frozen
class Http:
    """The front: where to listen and what a client may make grow.

    Attributes:
        listen: where to listen: Twisted endpoint strings.
        api_keys: the keys clients may use; if any, every request needs one; if none, only loopback may be
            listened on.
        api_keys_file: a file with more keys, one a line; a line that begins with `#` is a comment.
        cors_origins: origins a browser may call from: `loopback` is any page of this machine, `*` any at all.
        max_body_bytes: largest body of a request, before and after decoding.
        max_queue_bytes: most that may wait for one slow reader; beyond it the model's pipe is held.
        hold_seconds: how long the pipe may be held for one reader before that reader is cut.
        stall_seconds: how long a reader may take nothing at all before it is cut.
        keepalive_seconds: silence after which a stream gets a keep-alive.
        idle_seconds: how long an idle connection is kept.
        reasoning_content: whether chat shows reasoning as `reasoning_content`.
    """

    listen: tuple[str, ...] = ("tcp:11435:interface=127.0.0.1",)
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    api_keys_file: str | None = None
    cors_origins: tuple[str, ...] = ("app://obsidian.md", "capacitor://localhost", "loopback")
    max_body_bytes: Bytes = 64 * 2**20
    max_queue_bytes: Bytes = 4 * 2**20
    hold_seconds: Seconds = 1.0
    stall_seconds: Seconds = 30.0
    keepalive_seconds: Seconds = 15.0
    idle_seconds: Seconds = 120.0
    reasoning_content: bool = True


@frozen
class Codex:
    """The child: which binary, which home, how many, how it is kept alive.

    Attributes:
        binary: the Codex program; left out, the pinned one that was installed with codexd.
        home: CODEX_HOME; its config.toml and login are used as they are. Left out: `$CODEX_HOME`, else
            `~/.codex` if it holds a login, else a directory of codexd's own.
        model: `auto` uses the account's models if there is a login, else the upstreams alone, and if there
            are none the scripted model; `account`, `scripted` and `none` (no Codex at all) insist on one.
        workers: how many Codex processes.
        turns_per_worker: how many turns one of them runs at once; more are answered 429.
        pass_environment: names of variables Codex may see beside the built-in allow-list.
        config: further `key=value` overrides of Codex's own configuration (its `-c` flag).
        log_stderr: log what Codex writes on stderr in full; it may quote prompts.
        handshake_seconds: how long a new Codex process may take to answer `initialize`.
        call_seconds: how long it may take to answer any other JSON-RPC call.
        grace_seconds: time between TERM and KILL when it is stopped.
        backoff_first_seconds: wait before the first restart; each further one doubles it.
        backoff_cap_seconds: longest wait before a restart.
        stable_seconds: a process that lived this long is restarted with the first wait again.
        restart_limit: after more restarts than this within the window the process stays down.
        restart_window_seconds: how long a restart is remembered.
        drain_seconds: how long running answers may take to finish when the daemon stops.
    """

    binary: str | None = None
    home: str | None = None
    model: Literal["auto", "account", "scripted", "none"] = "auto"
    workers: Count = 1
    turns_per_worker: Count = 32
    pass_environment: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    log_stderr: bool = False
    handshake_seconds: Seconds = 15.0
    call_seconds: Seconds = 30.0
    grace_seconds: Seconds = 5.0
    backoff_first_seconds: Seconds = 0.5
    backoff_cap_seconds: Seconds = 30.0
    stable_seconds: Seconds = 30.0
    restart_limit: Limit = 20
    restart_window_seconds: Seconds = 600.0
    drain_seconds: Seconds = 10.0


@frozen
class Turns:
    """How long an answer may take, and what is kept between answers.

    Attributes:
        first_event_seconds: longest wait until the model begins to answer.
        idle_seconds: longest silence within a running answer.
        total_seconds: longest time for one answer.
        suspend_seconds: how long a turn waits for its tools' results.
        suspend_limit: how many turns may wait for them; 0 for none.
        affinity: keep a finished conversation's thread for its next request.
        affinity_seconds: how long such a thread is kept.
        affinity_limit: how many are kept.
        affinity_child_bytes: resident memory of a Codex process beyond which none is kept.
        context_share: share of the model's context window beyond which a thread is not continued (Codex would
            compact it silently); its history is replayed on a new one instead.
    """

    first_event_seconds: Seconds = 300.0
    idle_seconds: Seconds = 300.0
    total_seconds: Seconds = 3600.0
    suspend_seconds: Seconds = 600.0
    suspend_limit: Limit = 64
    affinity: bool = True
    affinity_seconds: Seconds = 300.0
    affinity_limit: Limit = 12
    affinity_child_bytes: Bytes = 2**30
    context_share: Share = 0.8


@frozen
class Responses:
    """What /v1/responses and /v1/conversations keep, and how they speak.

    Attributes:
        store: the SQLite file that keeps answers and conversations; `:memory:` forgets them at the end. Left
            out: `responses.sqlite3` in codexd's state directory.
        keep_seconds: how long an answer or an unused conversation is kept.
        keep_limit: how many answers are kept; the oldest make room.
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


@frozen
class Model:
    """An alias: a name clients may ask for, and what it stands for.

    Attributes:
        name: what clients ask for.
        model: the model it stands for, as the account or the upstream calls it; left out, the same name.
        effort: default reasoning effort.
        upstream: the upstream that has it; left out, Codex.
        fallback: names to try in its place, in order, when it cannot answer.
        instructions: what the model is told where a request tells it nothing.
        max_output_tokens: the most output tokens of an answer.
        profile: `plain` is the bare model; `agent` is Codex with its own prompt, shell and workspace.
        workspace: the agent's directory (agent only).
        sandbox: what the agent may do there (agent only).
    """

    name: str
    model: str | None = None
    effort: str | None = None
    upstream: str | None = None
    fallback: tuple[str, ...] = ()
    instructions: str | None = None
    max_output_tokens: Count | None = None
    profile: Literal["plain", "agent"] = "plain"
    workspace: str | None = None
    sandbox: Literal["read-only", "workspace-write", "danger-full-access"] = "read-only"


@frozen
class Models:
    """Which models are offered.

    Attributes:
        alias: the aliases: tables `[[models.alias]]`, as many as you like.
        refresh_seconds: how often the account's list is read again.
        any: pass unknown model names on instead of answering 404.
    """

    alias: tuple[Model, ...] = ()
    refresh_seconds: Seconds = 300.0
    any: bool = False


@frozen
class Upstream:
    """A server that speaks Chat Completions, and what it can take.

    Attributes:
        name: what it is called here: in the log, the figures and the aliases.
        base_url: its address up to and with the version, such as `http://127.0.0.1:11434/v1`.
        key_env: the environment variable that holds its API key.
        key_file: a file whose only line is its API key.
        prefix: what its models' names begin with here, such as `local/`; empty leaves them as they are.
        models: which models are offered, each `name` or `name=its-own-name`; left empty, all that it lists.
        any: pass names on that it does not list; with `prefix`, only those that begin with it.
        pass_unknown: send it request fields codexd does not know; else they are ignored and named so.
        omit: request fields it cannot take: they are never sent, and named as ignored.
        token_limit: what it calls the limit of output tokens.
        developer_role: whether it knows the role `developer`; else such messages go as `system`.
        tools: whether it knows tools; else they are described to the model in words, and its calls read from
            its text.
        custom_tools: whether it knows custom tools; else they go as functions with one text argument.
        reasoning: in which field it wants the reasoning of earlier answers back; `none` leaves it out.
        images: whether it can be shown images.
        audio: whether it can be played audio.
        files: whether it takes files; else a text file goes as text and any other is refused.
        connect_seconds: longest wait for a connection.
        first_event_seconds: longest wait until it begins to answer.
        idle_seconds: longest silence within a running answer; keep-alives do not break it.
        total_seconds: longest time for one answer, repetitions included.
        retries: how often a request is repeated that failed before its answer began.
        retry_first_seconds: wait before the first repetition; each further one doubles it.
        retry_cap_seconds: longest wait before a repetition; if it asks for a longer one, none is made.
        breaker_failures: after so many failures in a row it is left alone for a while.
        breaker_seconds: how long it is left alone before one request tries it again.
        max_connections: how many answers it gives at once; more are answered 429.
        max_event_bytes: largest event of a stream, or whole answer of a server that does not stream.
        max_answer_bytes: largest answer altogether.
        proxy: an HTTP proxy to go through, such as `http://127.0.0.1:3128`; https passes by CONNECT.
        ca_file: a PEM file of authorities to trust in place of the system's.
        refresh_seconds: how often its list of models is read again.
    """

    name: str
    base_url: str
    key_env: str | None = None
    key_file: str | None = None
    prefix: str = ""
    models: tuple[str, ...] = ()
    any: bool = False
    pass_unknown: bool = False
    omit: tuple[str, ...] = ()
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105
    developer_role: bool = False
    tools: bool = True
    custom_tools: bool = False
    reasoning: Literal["none", "reasoning_content", "reasoning"] = "none"
    images: bool = True
    audio: bool = False
    files: bool = False
    connect_seconds: Seconds = 10.0
    first_event_seconds: Seconds = 300.0
    idle_seconds: Seconds = 120.0
    total_seconds: Seconds = 3600.0
    retries: Limit = 2
    retry_first_seconds: Seconds = 0.5
    retry_cap_seconds: Seconds = 10.0
    breaker_failures: Count = 5
    breaker_seconds: Seconds = 30.0
    max_connections: Count = 64
    max_event_bytes: Bytes = 16 * 2**20
    max_answer_bytes: Bytes = 64 * 2**20
    proxy: str | None = None
    ca_file: str | None = None
    refresh_seconds: Seconds = 300.0


@frozen
class Log:
    """What is written: never prompts, outputs or keys.

    Attributes:
        format: lines for a person, or one JSON object a line.
        level: the least severe level that is written.
    """

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warn", "error"] = "info"


@frozen
class Settings:
    """Everything a person can choose.

    Attributes:
        upstream: servers that speak Chat Completions: tables `[[upstream]]`, as many as you like.
    """

    http: Http = Http()
    codex: Codex = Codex()
    turns: Turns = Turns()
    responses: Responses = Responses()
    tools: Tools = Tools()
    models: Models = Models()
    upstream: tuple[Upstream, ...] = ()
    log: Log = Log()
