"""When to restart a child process that has exited: exponential back-off, and a limit of restarts in a window."""

from attrs import evolve

from codexd.neutral.records import frozen


@frozen(kw_only=True)
class RestartPolicy:
    """The delays and the limit of restarts.

    Attributes:
        initial_seconds: the first delay (back-off) of a series of exits.
        factor: the growth of each further delay, before jitter.
        max_seconds: the maximum delay, including jitter.
        jitter: the fraction of a delay that is randomly added, so that children do not start simultaneously.
        backoff_reset_seconds: a child that ran this long ends the series: the next delay is `initial_seconds`.
        limit: the maximum number of restarts in one window; after the next exit the restart waits for a window.
        window_seconds: the length of the window.
    """

    initial_seconds: float = 0.5
    factor: float = 2.0
    max_seconds: float = 30.0
    jitter: float = 0.2
    backoff_reset_seconds: float = 30.0
    limit: int = 20
    window_seconds: float = 600.0


@frozen
class Supervision:
    """How one child process is supervised.

    Attributes:
        handshake_seconds: the time from its start until it must be ready.
        grace_seconds: the time between asking it to stop and killing it.
        restart: what to do when it exits.
    """

    handshake_seconds: float = 10.0
    grace_seconds: float = 5.0
    restart: RestartPolicy = RestartPolicy()


@frozen
class RestartHistory:
    """The recent exits of one child; `RestartHistory()` has none.

    Attributes:
        step_seconds: the last delay of the series without jitter; 0 outside a series.
        waited_seconds: the last delay of the series.
        restarts: the times of the restarts in the window, oldest first.
    """

    step_seconds: float = 0.0
    waited_seconds: float = 0.0
    restarts: tuple[float, ...] = ()


@frozen
class RestartAfterBackoff:
    """Restart the child after a delay."""

    seconds: float


@frozen
class RestartAfterWindow:
    """Restart the child after `RestartPolicy.window_seconds`, and with an empty history: the limit is reached."""


RestartDecision = RestartAfterBackoff | RestartAfterWindow


def decide_after_exit(
    policy: RestartPolicy, history: RestartHistory, now: float, lived_seconds: float, chance: float
) -> tuple[RestartHistory, RestartDecision]:
    """Decide what to do after an exit. Within a series the delays never shrink, whatever the jitter.

    Args:
        policy: the settings.
        history: the history returned for the last exit.
        now: seconds of a monotonic clock.
        lived_seconds: how long the child was ready; 0 if it never was.
        chance: a random number from 0 to 1.
    """
    recent = tuple(at for at in history.restarts if at > now - policy.window_seconds)
    if len(recent) >= policy.limit:
        return evolve(history, restarts=recent), RestartAfterWindow()
    if lived_seconds >= policy.backoff_reset_seconds:
        history = RestartHistory()
    step = history.step_seconds * policy.factor or policy.initial_seconds
    wait = min(step * (1 + policy.jitter * chance), policy.max_seconds)
    wait = max(wait, history.waited_seconds)
    return RestartHistory(step, wait, (*recent, now)), RestartAfterBackoff(wait)
