"""A budget of bytes that several principals share: what waits in memory for slow clients, or arrives from them."""

from collections.abc import Callable


class ByteBudget:
    """Counts bytes by principal, and decides who may add more.

    A principal may use everything that the others leave free. When the budget is used up, whoever is above an equal
    share is over it: nothing more is admitted for him, and his slowest clients are disconnected. A principal below
    that share is always admitted, so one can keep no other out; the total can exceed the budget until then.

    Args:
        limit_bytes: the budget of all.
        on_released: called with the number of bytes that are no longer counted.

    Attributes:
        limit_bytes: may be changed.
        total_bytes: what is counted now.
    """

    def __init__(self, limit_bytes: int, on_released: Callable[[int], object] = lambda _: None) -> None:
        self.limit_bytes = limit_bytes
        self._on_released = on_released
        self.total_bytes = 0
        self._by_principal: dict[str, int] = {}

    def used_by(self, principal: str) -> int:
        """Return the bytes that are counted for a principal."""
        return self._by_principal.get(principal, 0)

    def admits(self, principal: str, size_bytes: int) -> bool:
        """Return whether a principal may add bytes."""
        if self.total_bytes + size_bytes <= self.limit_bytes:
            return True
        sharing = len(self._by_principal) + (principal not in self._by_principal)
        return self.used_by(principal) + size_bytes <= self.limit_bytes // sharing

    def is_over(self, principal: str) -> bool:
        """Return whether the budget is used up, and this principal is above an equal share of it."""
        if self.total_bytes <= self.limit_bytes or not self._by_principal:
            return False
        return self.used_by(principal) > self.limit_bytes // len(self._by_principal)

    def change(self, principal: str, difference_bytes: int) -> None:
        """Count more bytes for a principal, or fewer."""
        self.total_bytes += difference_bytes
        left = self.used_by(principal) + difference_bytes
        if left:
            self._by_principal[principal] = left
        else:
            self._by_principal.pop(principal, None)
        if difference_bytes < 0:
            self._on_released(-difference_bytes)


class BudgetAccount:
    """The bytes of one response or request in a budget.

    Args:
        budget: of all.
        principal: whose it is.
    """

    def __init__(self, budget: ByteBudget, principal: str) -> None:
        self._budget = budget
        self._principal = principal
        self._size_bytes = 0

    @property
    def is_over(self) -> bool:
        """Whether its principal is over the budget, and this account has bytes in it."""
        return self._size_bytes > 0 and self._budget.is_over(self._principal)

    def admits(self, size_bytes: int) -> bool:
        """Return whether it may have this size."""
        return self._budget.admits(self._principal, size_bytes - self._size_bytes)

    def set(self, size_bytes: int) -> None:
        """Set its size; 0 releases it."""
        if size_bytes != self._size_bytes:
            self._budget.change(self._principal, size_bytes - self._size_bytes)
            self._size_bytes = size_bytes
