"""Dependencies shared by all answers."""

import secrets
from collections.abc import Callable
from functools import cache

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from codexd.answers.registry import ActiveAnswers
from codexd.fronts.dialect import ResponseIdentity
from codexd.interfaces import IModelBackend, IStore
from codexd.observe.request_log import RequestLogger
from codexd.policy.flow import FlowLimits


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
        keepalive_seconds: after how much silence a streaming client gets a keep-alive.
    """

    backend: IModelBackend
    store: IStore
    active: ActiveAnswers
    request_log: RequestLogger
    clock: IReactorTime
    now: Callable[[], float]
    flow_limits: FlowLimits
    keepalive_seconds: float

    def token(self) -> str:
        """Return a new unguessable token, for the ids of an answer or a conversation."""
        return secrets.token_hex(12)

    def identity(self, model: str) -> ResponseIdentity:
        """Return the identity of a new answer; its clock returns the same time at every call."""
        return ResponseIdentity(self.token(), int(self.now()), model, cache(self.now))
