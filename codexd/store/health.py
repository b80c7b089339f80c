"""Whether the store's file can be written: reports each change once, to the log and the metrics."""

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

from codexd.observe.metrics import Metrics
from codexd.store.problem import ADVICE, StoreProblem

_FAILED: Final = "store degraded: {problem}: {advice} {why}"
_RESTORED: Final = "store: the file was not at its path any more; its content was restored there{aside}"
_RECOVERED: Final = "store recovered: it was {problem}; responses are stored again"


class StoreHealth:
    """The state of the store's file.

    A failed write degrades it at once. Only `check_passed` ends that, and only if no call failed since the check
    before, so that it changes at most once per check.

    Args:
        metrics: shows the state, and counts the faults.
        on_recovered: called when the store works again.

    Attributes:
        problem: the fault, None while the store works.
    """

    _log = Logger()

    def __init__(self, metrics: Metrics, on_recovered: Callable[[], object]) -> None:
        self._metrics = metrics
        self._on_recovered = on_recovered
        self._failed = False
        self.problem: StoreProblem | None = None
        metrics.watch("store_up", lambda: self.problem is None)

    def report_failure(self, problem: StoreProblem, why: str = "") -> bool:
        """Record a fault, and return whether it is news."""
        self._failed = True
        if problem == self.problem:
            return False
        self.problem = problem
        self._metrics.count_store_fault(problem)
        self._log.error(_FAILED, event="store_degraded", problem=problem, advice=ADVICE[problem], why=why)
        return True

    def check_passed(self) -> None:
        """Record that the file was written by the periodic check."""
        failed, self._failed = self._failed, False
        if self.problem is None or failed:
            return
        problem, self.problem = self.problem, None
        self._log.info(_RECOVERED, event="store_recovered", problem=problem)
        self._on_recovered()

    def report_restored(self, moved_aside: str | None) -> None:
        """Record that the file was restored at its path; safe in any thread."""
        self._metrics.count("store_restored")
        aside = "" if moved_aside is None else f"; the file that was there instead is {moved_aside}"
        self._log.warn(_RESTORED, event="store_restored", aside=aside)
