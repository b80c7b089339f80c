"""When a failed request may be asked again: exponential back-off, and what the provider itself asks for.

Only before the answer began: what a client has seen the beginning of is never said twice.
"""

from typing import Final

from attrs import frozen

from codexd.neutral.fault import Fault

REPEATABLE: Final = frozenset(("model_failed", "overloaded", "rate_limited", "stream_cut", "unreachable"))
"""Kinds of fault that may pass by themselves; every other one says the same a second time."""


@frozen
class RetryPolicy:
    """How patient to be with a provider.

    Attributes:
        limit: how many repetitions one request may have.
        first_seconds: the first wait.
        factor: by which each further wait is longer, jitter aside.
        cap_seconds: no wait is longer; a provider that asks for a longer one is not asked again.
        jitter: the share of a wait that chance may take off, so that many requests do not return in step.
    """

    limit: int = 2
    first_seconds: float = 0.5
    factor: float = 2.0
    cap_seconds: float = 10.0
    jitter: float = 0.25


def wait_seconds(
    policy: RetryPolicy, repeated: int, failed: Fault, asked: float, chance: float
) -> float | None:
    """Decide how long to wait before a request is repeated; None says it is not.

    Args:
        policy: the settings.
        repeated: how often the request was repeated already.
        failed: why it failed, before its answer began.
        asked: seconds the provider itself asked for (RFC 9110, Retry-After), the least that is waited; 0 when
            it said nothing.
        chance: 0 to 1, drawn by the caller.
    """
    if failed.kind not in REPEATABLE or repeated >= policy.limit:
        return None
    if asked > policy.cap_seconds:
        return None
    step = min(policy.first_seconds * policy.factor ** min(repeated, 64), policy.cap_seconds)
    return max(step * (1 - policy.jitter * chance), asked)
