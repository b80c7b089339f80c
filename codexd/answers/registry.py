"""Running answers, replays and pass-through requests: find, limit, drain."""

from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred

from codexd.answers.one_shot_event import OneShotEvent
from codexd.neutral.fault import FaultError, fault
from codexd.observe.metrics import Metrics

if TYPE_CHECKING:
    from codexd.answers.answer import Answer


class Drainable(Protocol):
    """An answer, a replay or a pass-through request: it can be ended early."""

    def shut_down(self) -> None:
        """End with `shutting_down`, now."""
        ...

    def abandon(self) -> None:
        """End without the store, which has not stored the end in time; called after `shut_down`."""
        ...


class ActiveAnswers:
    """Answers, replays and pass-through requests from their start to their end.

    Args:
        background_limit: how many background answers may be active.
        metrics: shows how many are active.

    Attributes:
        draining: nothing new is accepted.
    """

    def __init__(self, background_limit: int, metrics: Metrics) -> None:
        self._background_limit = background_limit
        self._active: dict[Drainable, None] = {}  # in order of arrival
        self._background: dict[str, Answer] = {}
        self._background_users: set[str] = set()
        self._drained = OneShotEvent()
        self.draining = False
        metrics.watch("requests_running", lambda: len(self._active))
        metrics.watch("background_running", lambda: len(self._background))

    def apply(self, background_limit: int) -> None:
        """Use another limit from now on."""
        self._background_limit = background_limit

    @property
    def count(self) -> int:
        """How many are active."""
        return len(self._active)

    def add(self, active: Drainable) -> None:
        """Register an active answer.

        Raises:
            FaultError: `shutting_down`.
        """
        if self.draining:
            raise FaultError(fault("shutting_down"))
        self._active[active] = None

    def add_background(self, id: str, answer: "Answer") -> None:
        """Register a background answer, which `find` returns until it is removed.

        Once two callers have used background answers, each may start one only while he has fewer than places are
        free, so that a place is always left for another.

        Raises:
            FaultError: `shutting_down`, or `busy` when there are too many.
        """
        principal = answer.context.principal
        self._background_users.add(principal)
        free = self._background_limit - len(self._background)
        own = [one for one in self._background.values() if one.context.principal == principal]
        if free <= 0 or (len(self._background_users) > 1 and len(own) >= free):
            raise FaultError(fault("busy"))
        self.add(answer)
        self._background[id] = answer

    def find(self, owner: str, id: str) -> "Answer | None":
        """Return an active background answer, if it is the owner's."""
        answer = self._background.get(id)
        return answer if answer is not None and answer.context.principal == owner else None

    def remove(self, active: Drainable, id: str | None = None) -> None:
        """Remove an answer that is over. Idempotent.

        Args:
            id: of a background answer.
        """
        self._active.pop(active, None)
        if id is not None:
            self._background.pop(id, None)
        if self.draining and not self._active:
            self._drained.fire()

    def drain(self) -> Deferred[None]:
        """Accept nothing more; fire when everything is over."""
        self.draining = True
        if not self._active:
            self._drained.fire()
        return self._drained.wait()

    def shut_down(self) -> None:
        """End everything with `shutting_down`, the oldest first."""
        for active in tuple(self._active):
            active.shut_down()

    def abandon(self) -> None:
        """End also what waits for the store."""
        for active in tuple(self._active):
            active.abandon()
