"""The stop of the server: running responses may finish, and every client may read what was written for it."""

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from codexd.answers.one_shot_event import OneShotEvent
from codexd.answers.registry import ActiveAnswers
from codexd.http.connections import Connections

SAVE_SECONDS: Final = 1.0
"""How long, after the deadline of the drain, the ends of responses may take to be stored."""

FLUSH_SECONDS: Final = 2.0
"""How long, after the deadline, clients may take to read what was written for them: the last events, for example."""


class Drain:
    """Ends the work of the server, with a deadline.

    Until `drain_seconds` have passed, running responses go on, and clients read them at their own pace. Then every
    response that still runs ends with `shutting_down`, and `SAVE_SECONDS` later also the ones whose end the store has
    not accepted. After `FLUSH_SECONDS` the connections that were not read to the end are closed.

    Args:
        active: the running answers.
        connections: the open connections.
        clock: for the deadlines.
        drain_seconds: how long running responses may go on.
    """

    _log = Logger()

    def __init__(
        self, active: ActiveAnswers, connections: Connections, clock: IReactorTime, drain_seconds: float
    ) -> None:
        self._active = active
        self._connections = connections
        self._clock = clock
        self._drain_seconds = drain_seconds
        self._timers: list[IDelayedCall] = []
        self._over = OneShotEvent()
        self._started = self._hurried = False

    def apply(self, drain_seconds: float) -> None:
        """Use another deadline, unless the drain has started."""
        self._drain_seconds = drain_seconds

    def run(self) -> "Deferred[None]":
        """Refuse new requests; fire when nothing runs and everything is sent, or when the time is up."""
        if not self._started:
            self._started = True
            self._log.info(
                "Stopping: {running} responses run, {unsent} connections are in use; they have {seconds:g} s",
                event="daemon_stopping",
                running=self._active.count,
                unsent=self._connections.unsent,
                seconds=self._drain_seconds,
            )
            self._schedule(0.0 if self._hurried else self._drain_seconds)
            Deferred.fromCoroutine(self._finish())
        return self._over.wait()

    def hurry(self) -> None:
        """End the responses that run now, in place of at the deadline. Idempotent."""
        if not self._hurried:
            self._hurried = True
            if self._started and not self._over.fired:
                self._log.info("Stopping at once: running responses end now", event="stop_hurried")
                self._schedule(0.0)

    async def _finish(self) -> None:
        drained = self._active.drain()  # before connections are drained: what they refuse is `shutting_down`
        delivered = self._connections.drain()
        await drained
        await delivered.wait()
        self._end()

    def _schedule(self, seconds: float) -> None:
        self._stop_timers()
        steps = ((seconds, self._active.shut_down), (seconds + SAVE_SECONDS, self._active.abandon))
        for after, step in (*steps, (seconds + FLUSH_SECONDS, self._cut)):
            self._timers.append(self._clock.callLater(after, step))

    def _cut(self) -> None:
        cut = self._connections.abort()
        if cut:
            self._log.warn(
                "{cut} connections were closed before their clients had read everything",
                event="connections_cut",
                cut=cut,
            )
        if self._active.count:
            self._log.warn(
                "{count} responses were still running at the end of the drain",
                event="responses_cut",
                count=self._active.count,
            )
        self._end()

    def _end(self) -> None:
        self._stop_timers()
        self._over.fire()

    def _stop_timers(self) -> None:
        timers, self._timers = self._timers, []
        for timer in timers:
            if timer.active():
                timer.cancel()
