"""When to warn that a login expires."""

from typing import Final

WARNING_SECONDS: Final = (0, 3600, 86400)
"""How long before the end of an access token an operator is warned; 0: at its end."""


def find_due_warning(seen_at: float, expires_at: float, now: float) -> int | None:
    """Return the warning that is due; None if none is.

    A token that was already closer to its end when it was seen first gets no warning but that of its end: Codex
    renews tokens, and a short-lived one would cause a warning each time.

    Args:
        seen_at: when the token was seen first, in Unix time.
        expires_at: when it expires.
        now: the present time.
    """
    left, lifetime = expires_at - now, expires_at - seen_at
    return next(
        (seconds for seconds in WARNING_SECONDS if left <= seconds and (lifetime > seconds or not seconds)), None
    )
