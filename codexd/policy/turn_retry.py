"""Whether and when a turn of Codex that failed before its first event is started again.

Its history comes from the client as a whole, tool results included, so that any child can replay it. An agent's
turn may have run commands and is only started later, never again.
"""

from typing import Final

from attrs import evolve

from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.policy import retry
from codexd.policy.retry import RetryPolicy

CHILD_ENDS: Final = frozenset(("child_died", "child_hung"))
"""The faults that the turn itself may have caused."""

CHILD_END_RETRIES: Final = 1
"""How often a turn is started again after its child has ended: a body that ends children must not end them all."""

WAITING_KINDS: Final = frozenset(("busy", "not_ready"))
"""The refusals after which nothing was started: a child restarts, or those that survive are full."""

RETRYABLE_KINDS: Final = CHILD_ENDS | {"model_failed", "overloaded", "stream_cut"}
"""The kinds of fault after which a turn is started again. Without a connection Codex itself has retried already."""


@frozen(kw_only=True)
class TurnRetryPolicy:
    """The limits of the retries of one turn.

    Attributes:
        backoff: the number of retries and their delays.
        total_seconds: no attempt starts later than this after the request.
    """

    backoff: RetryPolicy
    total_seconds: float


@frozen
class Attempts:
    """The attempts of one turn so far.

    Attributes:
        began_at: when the first one was made.
        retries: how many have followed one that had started.
        child_ends: how many were ended by the end of their child.
        has_waited: it has waited for a child or a slot.
    """

    began_at: float
    retries: int = 0
    child_ends: int = 0
    has_waited: bool = False

    def after(self, failed: Fault) -> "Attempts":
        """Return the attempts after one that failed."""
        if failed.kind in WAITING_KINDS:
            return evolve(self, has_waited=True)
        return evolve(self, retries=self.retries + 1, child_ends=self.child_ends + (failed.kind in CHILD_ENDS))


@frozen(kw_only=True)
class Failure:
    """An attempt that failed before its first event.

    Attributes:
        fault: why.
        child_restarts: a child will be up soon.
        ran_tools: it may have run tools, as an agent does.
    """

    fault: Fault
    child_restarts: bool
    ran_tools: bool


def delay_seconds(
    policy: TurnRetryPolicy, attempts: Attempts, failed: Failure, now: float, deadline: float | None, chance: float
) -> float | None:
    """Return the delay before the next attempt, or None if there is none.

    Args:
        policy: the settings; without retries it does not wait for a child either.
        attempts: the attempts so far, the failed one not counted.
        failed: the last attempt.
        now: seconds of the clock of `attempts`.
        deadline: the end of the request on that clock; None if it has none.
        chance: a random number from 0 to 1.
    """
    kind = failed.fault.kind
    if policy.backoff.limit == 0 or not _may_retry(attempts, failed):
        return None
    if kind in WAITING_KINDS:
        delay = policy.backoff.initial_seconds * (1 - policy.backoff.jitter * chance)
    else:
        found = retry.backoff_seconds(policy.backoff, attempts.retries, chance)
        if found is None:
            return None
        delay = found
    end = attempts.began_at + policy.total_seconds
    if deadline is not None:
        end = min(end, deadline)
    return delay if now + delay < end else None


def _may_retry(attempts: Attempts, failed: Failure) -> bool:
    kind = failed.fault.kind
    if kind == "not_ready":
        return failed.child_restarts
    if kind == "busy":
        return attempts.retries > 0 or attempts.has_waited
    if failed.ran_tools or kind not in RETRYABLE_KINDS:
        return False
    return kind not in CHILD_ENDS or attempts.child_ends < CHILD_END_RETRIES
