"""The children of one kind: started one after the other, chosen by load."""

from twisted.application.service import MultiService

from codexd.child.worker import Worker
from codexd.neutral.fault import Refused, fault
from codexd.settings import Turns


class Pool(MultiService):
    """Some workers on one CODEX_HOME.

    The first child gets the home to itself until it is up once: several started together on a fresh home
    race to create its database, and all but one die.
    """

    def __init__(self, workers: tuple[Worker, ...]) -> None:
        super().__init__()
        self.workers = workers
        self._first_was_up = False
        workers[0].supervisor.setServiceParent(self)

    @property
    def ready(self) -> bool:
        """Tell whether at least one child is up."""
        return any(worker.ready for worker in self.workers)

    def changed(self) -> None:
        """A child came up or went down."""
        if self.ready and not self._first_was_up:
            self._first_was_up = True
            for worker in self.workers[1:]:
                worker.supervisor.setServiceParent(self)

    def choose(self) -> Worker:
        """Give the worker with the least to do.

        Raises:
            Refused: `not_ready` when no child is up, `busy` when all are full.
        """
        up = [worker for worker in self.workers if worker.ready]
        if not up:
            raise Refused(fault("not_ready"))
        worker = min(up, key=_load)
        if worker.full:
            raise Refused(fault("busy"))
        return worker

    def sweep(self, limits: Turns) -> None:
        """Look at the clock for everything that waits."""
        for worker in self.workers:
            worker.sweep(limits)


def _load(worker: Worker) -> int:
    return worker.running
