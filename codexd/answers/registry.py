"""Running answers, replays and pass-through requests: find, limit, drain."""

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred

from codexd.answers.one_shot_event import OneShotEvent
from codexd.neutral.fault import FaultError, fault
from codexd.observe.metrics import Metrics
from codexd.policy.shares import may_displace

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


class BackgroundAnswers:
    """The active background answers: their number is limited, and each key has its share of the limit.

    When the limit is reached, a key that has less than others takes the place of the newest answer of the key that has
    most: that one has cost least. A key never loses an answer that is not beyond its share.

    Args:
        limit: how many may be active.
        metrics: counts those that are ended for others.

    Attributes:
        limit: may be changed; applies to the next answer.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self.limit = limit
        self._metrics = metrics
        self._answers: dict[str, Answer] = {}  # in order of arrival
        self._ending: set[str] = set()  # the ids of those that are ended for others, and are being stored
        metrics.watch("background_running", lambda: len(self._answers))

    def make_room(self, principal: str, own_limit: int | None) -> None:
        """End an answer of another key if this one may have one more in its place.

        Args:
            principal: who wants to have one more.
            own_limit: how many he may have, however many places are free; None for no limit.

        Raises:
            FaultError: `busy` if there are too many, `key_background_limit` if the key has.
        """
        counted = [answer for id, answer in self._answers.items() if id not in self._ending]
        counts = Counter(answer.context.principal for answer in counted)
        if own_limit is not None and counts[principal] >= own_limit:
            raise FaultError(fault("key_background_limit"))
        if len(counted) < self.limit:
            return
        if not may_displace(counts, principal):
            raise FaultError(fault("busy"))
        owner, _ = counts.most_common(1)[0]
        victim = next(answer for answer in reversed(counted) if answer.context.principal == owner)
        self._ending.add(victim.id)
        self._metrics.count("background_displaced")
        victim.displace()

    def add(self, id: str, answer: "Answer") -> None:
        """Register an answer, after `make_room`."""
        self._answers[id] = answer

    def get(self, id: str) -> "Answer | None":
        """Return an active answer."""
        return self._answers.get(id)

    def remove(self, id: str) -> None:
        """Remove an answer that is over. Idempotent."""
        self._answers.pop(id, None)
        self._ending.discard(id)


class ActiveAnswers:
    """Answers, replays and pass-through requests from their start to their end.

    Args:
        background_limit: how many background answers may be active.
        metrics: shows how many are active.

    Attributes:
        draining: nothing new is accepted.
    """

    def __init__(self, background_limit: int, metrics: Metrics) -> None:
        self._active: dict[Drainable, None] = {}  # in order of arrival
        self._background = BackgroundAnswers(background_limit, metrics)
        self._drained = OneShotEvent()
        self.draining = False
        metrics.watch("requests_running", lambda: len(self._active))

    def apply(self, background_limit: int) -> None:
        """Use another limit from now on."""
        self._background.limit = background_limit

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

        Raises:
            FaultError: `shutting_down`, `busy` when there are too many, `key_background_limit` when its key has.
        """
        if not self.draining:
            self._background.make_room(answer.context.principal, answer.context.policy.background_responses)
        self.add(answer)
        self._background.add(id, answer)

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
            self._background.remove(id)
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
