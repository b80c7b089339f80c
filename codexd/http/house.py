"""What every answer needs, put together once."""

import secrets
from collections.abc import Callable
from functools import cache

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from codexd.fronts.exchange import Stamp
from codexd.http.doorman import Doorman
from codexd.interfaces import IModelBackend
from codexd.observe.journal import Journal
from codexd.policy.flow import Limits
from codexd.settings import Http


@frozen
class House:
    """What every answer needs.

    Attributes:
        backend: who answers.
        doorman: lets answers in, and out.
        journal: told of clients that left and of readers that were cut.
        clock: for timers and durations.
        settings: of the front.
        now: Unix time in seconds.
    """

    backend: IModelBackend
    doorman: Doorman
    journal: Journal
    clock: IReactorTime
    settings: Http
    now: Callable[[], float]

    @property
    def limits(self) -> Limits:
        """Give what a slow reader is granted."""
        http = self.settings
        return Limits(http.max_queue_bytes, http.hold_seconds, http.stall_seconds)

    def stamp(self, model: str) -> Stamp:
        """Make the stamp of a new answer; its clock stands still once it was asked."""
        return Stamp(secrets.token_hex(12), int(self.now()), model, cache(self.now))
