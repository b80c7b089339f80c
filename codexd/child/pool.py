"""A pool of workers on one CODEX_HOME: staggered start, and choice by load."""

from twisted.application.service import MultiService

from codexd.child.worker import Worker
from codexd.neutral.fault import FaultError, fault
from codexd.settings import Turns


class Pool(MultiService):
    """Workers that share one CODEX_HOME.

    The first child is started alone; the others start once it has been up. Several children that start
    together on a fresh home race to create its database, and all but one die.
    """

    def __init__(self, workers: tuple[Worker, ...]) -> None:
        super().__init__()
        self.workers = workers
        self._first_was_up = False
        workers[0].supervisor.setServiceParent(self)

    @property
    def ready(self) -> bool:
        """Whether at least one child is up."""
        return any(worker.ready for worker in self.workers)

    def worker_changed(self) -> None:
        """Start the other workers once the first child has been up."""
        if self.ready and not self._first_was_up:
            self._first_was_up = True
            for worker in self.workers[1:]:
                worker.supervisor.setServiceParent(self)

    def choose_worker(self) -> Worker:
        """Return the worker with the fewest running turns.

        Raises:
            FaultError: `not_ready` when no child is up, `busy` when all are full.
        """
        up = [worker for worker in self.workers if worker.ready]
        if not up:
            raise FaultError(fault("not_ready"))
        worker = min(up, key=_load)
        if worker.full:
            raise FaultError(fault("busy"))
        return worker

    def sweep(self, limits: Turns) -> None:
        """Apply the deadlines of every worker's turns and calls."""
        for worker in self.workers:
            worker.sweep(limits)


def _load(worker: Worker) -> int:
    return worker.running_turns
