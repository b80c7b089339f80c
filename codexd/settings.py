"""The one frozen tree of settings; read once, passed down by branches.

Precedence: argv > environment `CODEXD_*` > TOML > the defaults here. Durations end in `_seconds`, sizes in
`_bytes`. Every field here is a TOML key of the same name in the table of the same name.
"""

from typing import Literal

from attrs import frozen


@frozen
class Http:
    """The front: where to listen and what a client may make grow.

    Attributes:
        listen: Twisted endpoint strings.
        api_keys: if any, every request needs one; if none, only loopback may be listened on.
        cors_origins: origins a browser may call from; `*` allows any.
        max_body_bytes: of a request, before and after decoding.
        max_queue_bytes: of frames waiting for one slow reader; full, the model's pipe is held.
        hold_seconds: how long the pipe may be held for one reader before that reader is cut.
        stall_seconds: how long a reader may take nothing at all before it is cut.
        keepalive_seconds: silence after which a stream gets a keep-alive.
        idle_seconds: how long an idle connection is kept.
        reasoning_content: whether chat shows reasoning as `reasoning_content`.
    """

    listen: tuple[str, ...] = ("tcp:11435:interface=127.0.0.1",)
    api_keys: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ("*",)
    max_body_bytes: int = 64 * 2**20
    max_queue_bytes: int = 4 * 2**20
    hold_seconds: float = 1.0
    stall_seconds: float = 30.0
    keepalive_seconds: float = 15.0
    idle_seconds: float = 120.0
    reasoning_content: bool = True


@frozen
class Codex:
    """The child: which binary, which home, how many, how it is kept alive.

    Attributes:
        binary: the Codex program; None is the pinned one that was installed with codexd.
        home: CODEX_HOME; its config.toml and login are used as they are. None: see `codexd.home`.
        model: `auto` uses the account's models if there is a login, else the scripted model; `account` and
            `scripted` insist on one.
        workers: how many children.
        turns_per_worker: how many turns one child runs at once; more are answered 429.
        pass_environment: names of variables the child may see beside the built-in allow-list.
        config: further `-c key=value` flags for the child.
        log_stderr: log what the child writes on stderr in full; it may quote prompts.
        handshake_seconds: deadline of `initialize`.
        call_seconds: deadline of any other JSON-RPC call.
        grace_seconds: between TERM and KILL.
        backoff_first_seconds, backoff_cap_seconds, stable_seconds: the restart back-off.
        restart_limit, restart_window_seconds: more restarts than this in the window and the slot stays down.
        drain_seconds: how long running answers may take to finish when the daemon stops.
    """

    binary: str | None = None
    home: str | None = None
    model: Literal["auto", "account", "scripted"] = "auto"
    workers: int = 1
    turns_per_worker: int = 32
    pass_environment: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    log_stderr: bool = False
    handshake_seconds: float = 15.0
    call_seconds: float = 30.0
    grace_seconds: float = 5.0
    backoff_first_seconds: float = 0.5
    backoff_cap_seconds: float = 30.0
    stable_seconds: float = 30.0
    restart_limit: int = 20
    restart_window_seconds: float = 600.0
    drain_seconds: float = 10.0


@frozen
class Turns:
    """How long an answer may take, and what is kept between answers.

    Attributes:
        first_event_seconds: until the model begins to answer.
        idle_seconds: between two signs of life of a running answer.
        total_seconds: for one answer.
        suspend_seconds, suspend_limit: how long and how many turns wait for their tools' results.
        affinity: keep a finished conversation's thread for its next request.
        affinity_seconds, affinity_limit: how long and how many such threads are kept.
        context_share: share of the model's context window beyond which a thread is not continued (the child
            would compact it silently); its history is replayed on a new one instead.
    """

    first_event_seconds: float = 300.0
    idle_seconds: float = 300.0
    total_seconds: float = 3600.0
    suspend_seconds: float = 600.0
    suspend_limit: int = 64
    affinity: bool = True
    affinity_seconds: float = 300.0
    affinity_limit: int = 32
    context_share: float = 0.8


@frozen
class Model:
    """An alias: a name clients may ask for, and what it stands for.

    Attributes:
        name: what clients ask for.
        model: the account's model it stands for; None is the same name.
        effort: default reasoning effort.
        profile: `plain` is the bare model; `agent` is Codex with its own prompt, shell and workspace.
        workspace: the agent's directory (agent only).
        sandbox: what the agent may do there (agent only).
    """

    name: str
    model: str | None = None
    effort: str | None = None
    profile: Literal["plain", "agent"] = "plain"
    workspace: str | None = None
    sandbox: Literal["read-only", "workspace-write", "danger-full-access"] = "read-only"


@frozen
class Models:
    """Which models are offered.

    Attributes:
        alias: the aliases, `[[models.alias]]` in TOML.
        refresh_seconds: how often the account's list is read again.
        any: pass unknown model names on instead of answering 404.
    """

    alias: tuple[Model, ...] = ()
    refresh_seconds: float = 300.0
    any: bool = False


@frozen
class Log:
    """What is written: never prompts, outputs or keys."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warn", "error"] = "info"


@frozen
class Settings:
    """Everything a person can choose."""

    http: Http = Http()
    codex: Codex = Codex()
    turns: Turns = Turns()
    models: Models = Models()
    log: Log = Log()
