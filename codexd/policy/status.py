"""The state of the daemon's back ends, as the status page shows it."""

from codexd.neutral.login_state import LoginState
from codexd.neutral.records import frozen


@frozen(kw_only=True)
class WorkerStatus:
    """One Codex process, or the slot in which the next one is started.

    Attributes:
        name: of the worker: its profile and its number.
        state: of the slot, such as `Up` or `BackingOff`.
        pid: of the process; None if none runs.
        up_seconds: how long it has been ready; 0 if it is not.
        running_turns: how many turns run in it.
        turns: how many turns it has begun.
        restarts: how often a process of this worker has exited and was, or will be, replaced by another one.
        hangs: how many of them did not respond.
        next_start_seconds: how long until the next one is started; None unless the worker waits for that.
        resident_bytes: its resident memory, measured once a second; 0 if it is not known.
        last_exit: how the process before it ended, with the reason if codexd killed it; empty if there was none.
    """

    name: str
    state: str
    pid: int | None
    up_seconds: float
    running_turns: int
    turns: int
    resident_bytes: int
    last_exit: str
    restarts: int = 0
    hangs: int = 0
    next_start_seconds: float | None = None


@frozen(kw_only=True)
class BackendStatus:
    """One back end: Codex, or an upstream.

    Attributes:
        name: of the back end.
        is_ready: a request that comes now would be sent.
        models: how many models it offers.
        running: how many turns and other requests run.
        queued: how many requests wait until it has room.
        circuit_is_open: its circuit breaker refuses the requests of all keys, or lets one pass as a probe.
        suspended: how many turns wait for the results of their tool calls; only Codex has any.
        own_circuits: the principals whose own circuit is open.
        account: what Codex is logged in to; None if the back end uses no account.
        lacks_login: the scripted model answers, because Codex is not logged in.
    """

    name: str
    is_ready: bool
    models: int
    running: int
    queued: int
    circuit_is_open: bool
    suspended: int = 0
    own_circuits: tuple[str, ...] = ()
    account: LoginState | None = None
    lacks_login: bool = False
