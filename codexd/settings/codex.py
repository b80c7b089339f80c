"""Settings of the Codex processes and of the turns they run."""

from typing import Literal

from attrs import frozen

from codexd.settings.ranges import Bytes, Count, Duration, Limit, Seconds, Share


@frozen(kw_only=True)
class Codex:
    """The Codex processes: program, CODEX_HOME, number, restarts.

    Attributes:
        name: the name of the back end, to which aliases and keys refer if there are several tables `[[codex]]`.
        prefix: the beginning of the names of its models, such as `work/`; of several tables only one can have none.
        binary: the Codex program. Default: the pinned version that is installed with codexd.
        home: CODEX_HOME; its config.toml and login are used unchanged. Default: `$CODEX_HOME`, else
            `~/.codex` if it contains a login, else a directory of codexd's own.
        model: whose models Codex serves. `auto`: the account's if there is a login, else no Codex if there
            are upstreams, else the scripted model. `account`, `scripted` and `none` (do not run Codex) choose
            one.
        workers: the number of Codex processes.
        turns_per_worker: the maximum number of turns that one Codex process runs at once; further requests
            wait (`[queue]`).
        pass_environment: environment variables that Codex gets in addition to the built-in list.
        config: additional `key=value` overrides of Codex's configuration (its `-c` flag).
        log_stderr: log everything that Codex writes to stderr; it may contain prompts.
        handshake_seconds: the timeout of `initialize`, the first call to a new Codex process.
        call_seconds: the timeout of any other JSON-RPC call.
        hang_seconds: how long a process may leave a ping unanswered before it is killed and replaced. A process
            is pinged after two seconds without output.
        unreachable_seconds: how long Codex may try to connect to the model's provider before its turn fails with
            `unreachable`.
        breaker_failures: consecutive failures of the model's provider after which an API key, or several of them
            together, get `circuit_open` for a while. Without a connection one failure is enough.
        breaker_seconds: how long that is, before one request is let through as a probe.
        grace_seconds: the time between SIGTERM and SIGKILL when a process is stopped.
        backoff_initial_seconds: the delay before the first restart; it doubles with each further restart.
        backoff_max_seconds: the maximum delay before a restart.
        backoff_reset_seconds: the delay starts again at its initial value after a process has run this long.
        restart_limit: the maximum number of restarts within the window. After the next exit the process is restarted
            only once the length of the window has passed.
        restart_window_seconds: the length of that window.
        recycle_after_seconds: the age at which a process is replaced by a new one, without losing a turn; 0: never.
        recycle_after_turns: the number of turns after which a process is replaced; 0: never.
        recycle_above_bytes: the resident memory above which a process is replaced; 0: never.
        drain_seconds: how long running responses may take to finish when the daemon stops.
    """

    name: str = "codex"
    prefix: str = ""
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
    hang_seconds: Seconds = 6.0
    unreachable_seconds: Seconds = 6.0
    breaker_failures: Count = 5
    breaker_seconds: Seconds = 15.0
    grace_seconds: Seconds = 5.0
    backoff_initial_seconds: Seconds = 0.5
    backoff_max_seconds: Seconds = 30.0
    backoff_reset_seconds: Seconds = 30.0
    restart_limit: Limit = 20
    restart_window_seconds: Seconds = 600.0
    recycle_after_seconds: Duration = 0.0
    recycle_after_turns: Limit = 0
    recycle_above_bytes: Limit = 0
    drain_seconds: Seconds = 10.0


@frozen(kw_only=True)
class Turns:
    """Time limits of responses, and what is kept between requests.

    Attributes:
        first_event_seconds: the maximum time until the model starts to respond.
        idle_seconds: the maximum time between two events of a running response.
        total_seconds: the maximum duration of a request, fallbacks to and retries of upstreams included.
        retries: how often a turn of Codex that failed before its first event is started again, if the Codex process
            ended (then once at most), or the model's provider failed or is overloaded. Agents are not retried.
            With 0 requests do not wait for a Codex process that restarts either.
        retry_initial_seconds: the delay before the first retry; it doubles with each further one.
        retry_total_seconds: no retry starts later than this after the request.
        suspend_seconds: how long a turn waits for the results of its tool calls.
        suspend_limit: the maximum number of turns that wait for tool results; beyond it, the API key that has
            most of them loses its oldest one, whose history is replayed later. 0 disables waiting.
        affinity: keep the thread of a finished conversation open for its next request.
        affinity_seconds: how long such an idle thread is kept.
        affinity_limit: the maximum number of idle threads; beyond it, the API key that has most of them loses
            its oldest one.
        affinity_memory_bytes: no idle threads are kept while a Codex process uses more resident memory than
            this.
        context_share: the share of the model's context window up to which a thread is continued. Beyond it
            the history is replayed on a new thread, because Codex would compact the old one without notice.
    """

    first_event_seconds: Seconds = 300.0
    idle_seconds: Seconds = 300.0
    total_seconds: Seconds = 3600.0
    retries: Limit = 2
    retry_initial_seconds: Seconds = 0.5
    retry_total_seconds: Seconds = 30.0
    suspend_seconds: Seconds = 600.0
    suspend_limit: Limit = 64
    affinity: bool = True
    affinity_seconds: Seconds = 300.0
    affinity_limit: Limit = 12
    affinity_memory_bytes: Bytes = 2**30
    context_share: Share = 0.8
