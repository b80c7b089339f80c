"""Dependencies shared by all answers."""

import secrets
from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from codexd.answers.registry import ActiveAnswers
from codexd.fronts.dialect import ResponseIdentity
from codexd.interfaces import IModelBackend, IStore
from codexd.observe.request_log import RequestLogger
from codexd.policy.byte_budget import ByteBudget
from codexd.policy.flow import FlowLimits


class _FirstReading:
    """A clock that stops at its first reading."""

    __slots__ = ("_now", "_time")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._time: float | None = None

    def __call__(self) -> float:
        """Return the Unix time in seconds of the first call."""
        if self._time is None:
            self._time = self._now()
        return self._time


@frozen(kw_only=True)
class AnswerDependencies:
    """Dependencies shared by all answers.

    Attributes:
        backend: answers turns.
        store: where answers are stored.
        active: the answers that are not over.
        request_log: logs defects, and the end of background answers.
        clock: for timers and durations.
        now: returns the Unix time in seconds.
        flow_limits: how much a slow client is granted.
        unsent: the budget of what waits for slow clients.
        keepalive_seconds: after how much silence a streaming client gets a keep-alive.
    """

    backend: IModelBackend
    store: IStore
    active: ActiveAnswers
    request_log: RequestLogger
    clock: IReactorTime
    now: Callable[[], float]
    flow_limits: FlowLimits
    unsent: ByteBudget
    keepalive_seconds: float

    def token(self) -> str:
        """Return a new unguessable token, for the ids of an answer or a conversation."""
        return secrets.token_hex(12)

    def identity(self, model: str) -> ResponseIdentity:
        """Return the identity of a new answer; its clock returns the same time at every call."""
        return ResponseIdentity(self.token(), int(self.now()), model, _FirstReading(self.now))
