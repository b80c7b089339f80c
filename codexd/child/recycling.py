"""Recycles workers: a new one is started first, takes over, and the old one stops after its last turn.

A slot never has two children: the new worker has a slot of its own. One worker at a time is recycled, so that at most
one additional process runs, and workers that were started together are not stopped together.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from codexd.child.pool import Pool
from codexd.child.worker import Worker
from codexd.observe.metrics import Metrics
from codexd.policy.recycling import RecycleLimits, RecycleReason, find_recycle_reason

RETRY_SECONDS: Final = 60.0
"""The time after a failed replacement before a worker is recycled again because of a limit."""


@define(eq=False, kw_only=True)
class Replacement:
    """A worker that is being recycled.

    Attributes:
        profile: of its pool.
        old: the worker.
        reason: why it is recycled.
        new: its successor.
        began: when that was started.
        took_over: the successor is up and has the old worker's place.
        is_stopping: the old worker is being stopped.
    """

    profile: str
    old: Worker
    reason: RecycleReason
    new: Worker
    began: float
    took_over: bool = False
    is_stopping: bool = False


class Recycler:
    """Recycles the workers of all pools, one after the other.

    Args:
        pools: by profile.
        make_worker: makes a worker of a profile.
        hand_over: closes the idle threads and suspended turns of a worker: other workers replay their histories.
        clock: for the time limit.
        metrics: counts by reason.
        start_seconds: how long a successor may take to be up; else the old worker stays.
    """

    _log = Logger()

    def __init__(
        self,
        pools: Mapping[str, Pool],
        make_worker: Callable[[str], Worker],
        hand_over: Callable[[Worker], None],
        clock: IReactorTime,
        metrics: Metrics,
        start_seconds: float,
    ) -> None:
        self._pools = pools
        self._make_worker = make_worker
        self._hand_over = hand_over
        self._clock = clock
        self._metrics = metrics
        self._start_seconds = start_seconds
        self._waiting: deque[tuple[str, Worker, RecycleReason]] = deque()
        self._current: Replacement | None = None
        self._not_before = clock.seconds()

    def request_all(self) -> tuple[str, ...]:
        """Recycle every worker that is up; return their names."""
        found = [(profile, worker) for profile, pool in self._pools.items() for worker in pool.workers if worker.ready]
        for profile, worker in found:
            self._add(profile, worker, "request")
        self.advance()
        return tuple(worker.name for _, worker in found)

    def check(self, limits: RecycleLimits, resident_bytes: Callable[[Worker], int]) -> None:
        """Recycle the workers that have reached a limit; continue what runs. To be called every second."""
        if self._clock.seconds() >= self._not_before:
            for profile, pool in self._pools.items():
                for worker in pool.workers:
                    reason = find_recycle_reason(limits, worker.up_seconds, worker.turns, resident_bytes(worker))
                    if reason is not None and worker.ready:
                        self._add(profile, worker, reason)
        self.advance()

    def advance(self) -> None:
        """Continue: a worker came up, a turn may have ended, or time has passed."""
        current = self._current
        if current is None:
            self._begin_next()
        elif current.took_over:
            self._stop_old(current)
        elif current.new.ready:
            self._take_over(current)
        elif self._clock.seconds() - current.began > self._start_seconds:
            self._give_up(current)

    def _add(self, profile: str, worker: Worker, reason: RecycleReason) -> None:
        is_current = self._current is not None and self._current.old is worker
        if not is_current and all(worker is not other for _, other, _ in self._waiting):
            self._waiting.append((profile, worker, reason))

    def _begin_next(self) -> None:
        while self._waiting and self._current is None:
            profile, old, reason = self._waiting.popleft()
            pool = self._pools[profile]
            if pool.running and old in pool.workers:
                new = self._make_worker(profile)
                self._current = Replacement(
                    profile=profile, old=old, reason=reason, new=new, began=self._clock.seconds()
                )
                self._log.info(
                    "{old} is recycled ({reason}): {new} starts",
                    event="child_recycling_started",
                    old=old.name,
                    reason=reason,
                    new=new.name,
                )
                pool.add_successor(new)

    def _take_over(self, current: Replacement) -> None:
        current.took_over = True
        self._pools[current.profile].replace(current.old, current.new)
        self._metrics.count_recycled_child(current.reason)
        self._log.info(
            "{new} has taken over from {old}", event="child_recycled", new=current.new.name, old=current.old.name
        )
        current.old.retire()
        self._hand_over(current.old)
        self._stop_old(current)

    def _stop_old(self, current: Replacement) -> None:
        if current.is_stopping or current.old.running_turns:
            return
        current.is_stopping = True
        self._pools[current.profile].dismiss(current.old).addBoth(self._stopped)

    def _stopped(self, _: object) -> None:
        self._current = None
        self._begin_next()

    def _give_up(self, current: Replacement) -> None:
        self._log.warn(
            "{new} is not up within {seconds:g} s: {old} is not recycled",
            event="child_recycling_failed",
            new=current.new.name,
            old=current.old.name,
            seconds=self._start_seconds,
        )
        self._not_before = self._clock.seconds() + RETRY_SECONDS
        self._waiting.clear()
        current.took_over = current.is_stopping = True
        self._pools[current.profile].dismiss(current.new).addBoth(self._stopped)
