"""A pool of workers on one CODEX_HOME: staggered start, and choice by load."""

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred

from codexd.child.worker import Worker
from codexd.interfaces import SlotState
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
        self._others: list[Worker] = []  # a successor that is not up yet, a worker that finishes its turns
        self._first_was_up = False
        workers[0].supervisor.setServiceParent(self)

    @property
    def ready(self) -> bool:
        """Whether at least one child is up."""
        return any(worker.ready for worker in self.workers)

    @property
    def restarting(self) -> bool:
        """Whether a child will be up soon again."""
        return any(worker.restarting for worker in self.workers)

    @property
    def slot_state(self) -> SlotState:
        """Whether a child can run one more turn."""
        up = [worker for worker in self.workers if worker.ready]
        if not up:
            return "down"
        return "full" if all(worker.full for worker in up) else "free"

    @property
    def free_slots(self) -> int:
        """How many more turns the children can run now."""
        return sum(worker.free_slots for worker in self.workers if worker.ready)

    def worker_changed(self) -> None:
        """Start the other workers once the first child has been up."""
        if self.ready and not self._first_was_up:
            self._first_was_up = True
            for worker in self.workers[1:]:
                worker.supervisor.setServiceParent(self)

    @property
    def all_workers(self) -> tuple[Worker, ...]:
        """Return all workers, also those that take no turns because one replaces the other."""
        return (*self.workers, *self._others)

    # For recycling (codexd.child.recycling).

    def add_successor(self, worker: Worker) -> None:
        """Start a worker that takes no turns before `replace`."""
        self._others.append(worker)
        worker.supervisor.setServiceParent(self)

    def replace(self, old: Worker, new: Worker) -> None:
        """Put a worker's successor in its place; the old one finishes its turns."""
        self._others.remove(new)
        self._others.append(old)
        self.workers = tuple(new if worker is old else worker for worker in self.workers)

    def dismiss(self, worker: Worker) -> "Deferred[None]":
        """Stop a worker that has no place; the Deferred fires when its child has exited."""
        return worker.supervisor.stopService().addCallback(lambda _: self._forget(worker))

    def _forget(self, worker: Worker) -> None:
        if worker in self._others:
            self._others.remove(worker)
            worker.supervisor.disownServiceParent()

    # For turns.

    def choose_worker(self) -> Worker:
        """Return the worker with the fewest running turns; one that may hang only if there is no other.

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
        for worker in self.all_workers:
            worker.sweep(limits)


def _load(worker: Worker) -> tuple[bool, bool, int]:
    return worker.full, worker.suspected, worker.running_turns
