"""Settings of the Codex processes and of the turns they run."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Limit, Seconds, Share


@frozen
class Codex:
    """The Codex processes: program, CODEX_HOME, number, restarts.

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
    """Time limits of responses, and what is kept between requests.

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
