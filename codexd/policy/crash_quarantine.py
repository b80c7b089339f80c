"""Keeps the requests of a principal that ends child after child away from the children, for some time.

Only ends of a child that ran turns of one principal alone count, as others could not be told apart: one principal
must not take the service from the others, neither by ending their child nor by having them blamed for it.
"""

from codexd.neutral.records import frozen


@frozen
class _Crashes:
    count: int = 0
    until: float = 0.0


class CrashQuarantine:
    """The consecutive crashes of each principal; times are seconds of a monotonic clock.

    Principals are configured, so that their number is limited.

    Args:
        crashes: the number of consecutive crashes after which a principal has to wait.
        seconds: for how long; after that each further crash starts the time again.
    """

    def __init__(self, crashes: int = 5, seconds: float = 120.0) -> None:
        self._limit = crashes
        self._seconds = seconds
        self._crashes: dict[str, _Crashes] = {}

    def remaining_seconds(self, principal: str, now: float) -> float:
        """Return for how much longer the principal has to wait; 0 if it has not."""
        found = self._crashes.get(principal)
        return 0.0 if found is None else max(found.until - now, 0.0)

    def child_ended(self, principals: frozenset[str], now: float) -> bool:
        """Record the end of a child that ran turns of these principals; return whether one has to wait now."""
        if len(principals) != 1:
            return False
        (principal,) = principals
        count = self._crashes.get(principal, _Crashes()).count + 1
        waits = count >= self._limit
        self._crashes[principal] = _Crashes(count, now + self._seconds if waits else 0.0)
        return waits

    def succeeded(self, principal: str) -> None:
        """Record a turn that has ended well."""
        self._crashes.pop(principal, None)
