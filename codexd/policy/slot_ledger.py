"""The turns that run, by principal, and who must know when one of them has ended."""

from collections import Counter
from collections.abc import Callable


class SlotLedger:
    """Counts the running turns of all back ends; shared by the back ends and the queues in front of them.

    A suspended turn does not run.
    """

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()
        self._watchers: dict[Callable[[str | None], None], None] = {}

    def take(self, principal: str) -> None:
        """Record that a turn of a principal runs."""
        self._running[principal] += 1

    def release(self, backend: str, principal: str) -> None:
        """Record that a turn has ended or was suspended, and notify the watchers."""
        self._running[principal] -= 1
        if self._running[principal] <= 0:
            del self._running[principal]
        self._notify(backend)

    def capacity_changed(self) -> None:
        """Notify the watchers: a child came up, or a limit was changed."""
        self._notify(None)

    def running(self, principal: str) -> int:
        """Return how many turns of a principal run."""
        return self._running.get(principal, 0)

    def watch(self, notify: Callable[[str | None], None]) -> None:
        """Register a function to call when more turns may be able to run.

        It is called inside of the work on a turn that ends: it must not begin turns itself.

        Args:
            notify: gets the name of the back end whose turn has ended; None if no turn has.
        """
        self._watchers[notify] = None

    def unwatch(self, notify: Callable[[str | None], None]) -> None:
        """Forget a registered function. Idempotent."""
        self._watchers.pop(notify, None)

    def _notify(self, backend: str | None) -> None:
        for notify in tuple(self._watchers):
            notify(backend)
