"""When a child that went is started again: exponential back-off, and a limit beyond which it is left down."""

from attrs import evolve, frozen


@frozen
class RestartPolicy:
    """How patient to be with a child that keeps going.

    Attributes:
        first_seconds: the first wait of a streak.
        factor: by which each further wait is longer, jitter aside.
        cap_seconds: no wait is longer, jitter included.
        jitter: the share of a wait that chance may add, so that several children do not start in step.
        stable_seconds: a child that was up this long ends the streak: the next wait is a first one.
        limit: how many restarts one window may hold; the child is given up instead of one more.
        window_seconds: the window, and how long a child that was given up is left in peace.
    """

    first_seconds: float = 0.5
    factor: float = 2.0
    cap_seconds: float = 30.0
    jitter: float = 0.2
    stable_seconds: float = 30.0
    limit: int = 20
    window_seconds: float = 600.0


@frozen
class Supervision:
    """How one child is looked after.

    Attributes:
        handshake_seconds: from its start until it must be ready.
        grace_seconds: between asking it to stop and killing it.
        restart: what happens when it goes.
    """

    handshake_seconds: float = 10.0
    grace_seconds: float = 5.0
    restart: RestartPolicy = RestartPolicy()


@frozen
class History:
    """What there is to remember of a slot's exits; `History()` is a fresh start.

    Attributes:
        step_seconds: the streak's last wait without its jitter; 0 outside a streak.
        waited_seconds: the streak's last wait.
        restarts: when the window's restarts were granted, oldest first.
    """

    step_seconds: float = 0.0
    waited_seconds: float = 0.0
    restarts: tuple[float, ...] = ()


@frozen
class Wait:
    """Start it again after so many seconds."""

    seconds: float


@frozen
class GiveUp:
    """Leave it down."""


Verdict = Wait | GiveUp


def after_exit(
    policy: RestartPolicy, history: History, now: float, lived_seconds: float, chance: float
) -> tuple[History, Verdict]:
    """Decide what follows an exit. Within a streak the waits never shrink, whatever chance says.

    Args:
        policy: the settings.
        history: as the last exit left it.
        now: of a clock that does not jump.
        lived_seconds: how long the child was up; 0 if it never was.
        chance: 0 to 1, drawn by the caller.
    """
    recent = tuple(at for at in history.restarts if at > now - policy.window_seconds)
    if len(recent) >= policy.limit:
        return evolve(history, restarts=recent), GiveUp()
    if lived_seconds >= policy.stable_seconds:
        history = History()
    step = history.step_seconds * policy.factor or policy.first_seconds
    wait = min(step * (1 + policy.jitter * chance), policy.cap_seconds)
    wait = max(wait, history.waited_seconds)
    return History(step, wait, (*recent, now)), Wait(wait)
