"""Whether and when to retry a failed request: exponential back-off, and the delay the provider requests.

Applies only before the answer has begun: a client never receives the beginning of an answer twice.
"""

from typing import Final

from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen

RETRYABLE_KINDS: Final = frozenset(("model_failed", "overloaded", "rate_limited", "stream_cut", "unreachable"))
"""The kinds of fault that may be transient. A retry does not help with the others."""


@frozen(kw_only=True)
class RetryPolicy:
    """The limits of retries.

    Attributes:
        limit: the maximum number of retries of one request.
        initial_seconds: the first delay.
        factor: the growth of each further delay, before jitter.
        max_seconds: the maximum delay. A request is not retried if the provider asks for a longer one.
        jitter: the fraction of a delay that is randomly subtracted, so that requests are not retried at once.
    """

    limit: int = 2
    initial_seconds: float = 0.5
    factor: float = 2.0
    max_seconds: float = 10.0
    jitter: float = 0.25


def delay_seconds(
    policy: RetryPolicy, retries: int, failed: Fault, requested_seconds: float, chance: float
) -> float | None:
    """Return the delay before the next retry, or None if the request is not to be retried.

    Args:
        policy: the settings.
        retries: the number of retries so far.
        failed: why the request failed, before its answer began.
        requested_seconds: the minimum delay that the provider requested (RFC 9110, Retry-After); 0 if none.
        chance: a random number from 0 to 1.
    """
    if failed.kind not in RETRYABLE_KINDS:
        return None
    if requested_seconds > policy.max_seconds:
        return None
    delay = backoff_seconds(policy, retries, chance)
    return None if delay is None else max(delay, requested_seconds)


def backoff_seconds(policy: RetryPolicy, retries: int, chance: float) -> float | None:
    """Return the delay before the next retry, or None after the last one; the arguments are as above."""
    if retries >= policy.limit:
        return None
    step = min(policy.initial_seconds * policy.factor ** min(retries, 64), policy.max_seconds)
    return step * (1 - policy.jitter * chance)
