"""Reports the state of the daemon to the service manager, and feeds its watchdog from the reactor."""

import faulthandler
import re
import sys
from collections.abc import Callable, Mapping
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from codexd.systemd.notify import NotifySocket

_LOG: Final = Logger()
_MICROSECONDS: Final = 1_000_000
_STARTING_SECONDS: Final = 0.1
"""The time between two looks for the first back end that is ready."""
_STATUS_SECONDS: Final = 1.0
_SHORTEST_SECONDS: Final = 0.1
"""The shortest time between two signs of life: to feed a watchdog must not be all that the daemon does."""
_MICROSECONDS_FORM: Final = re.compile(r"[0-9]{1,20}")
_MAX_MICROSECONDS: Final = 2**64 - 1
_START_TIMEOUT_SECONDS: Final = 30
"""How long the reactor may be stuck during the start; the timeout is extended as long as it runs."""


class ServiceReporter:
    """Sends READY when the first back end is ready, then the status as it changes, and feeds the watchdog.

    All of it happens in one timer of the reactor, so a reactor that is stuck sends nothing, and the service manager
    restarts the daemon.

    Args:
        notify: the socket of the service manager; without one nothing is done.
        clock: the reactor.
        ready: returns whether a back end is ready.
        describe: returns the status, one line.
        watchdog_seconds: how long the service manager waits for a sign of life; None if it does not.
    """

    def __init__(
        self,
        notify: NotifySocket,
        clock: IReactorTime,
        *,
        ready: Callable[[], bool],
        describe: Callable[[], str],
        watchdog_seconds: float | None = None,
    ) -> None:
        self._notify = notify
        self._clock = clock
        self._ready = ready
        self._describe = describe
        feeding = _STATUS_SECONDS if watchdog_seconds is None else watchdog_seconds / 4
        self._interval = min(_STATUS_SECONDS, max(_SHORTEST_SECONDS, feeding))
        self._has_watchdog = watchdog_seconds is not None
        self._was_ready = False
        self._status = ""
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to report."""
        if self._notify.address is not None:
            if self._has_watchdog:
                _show_stacks_on_abort()
            self._tick()

    def stopping(self, seconds: float) -> None:
        """Report that the stop has begun, and how long it may take; the watchdog is fed until `end`."""
        self._notify.send(STOPPING=1, EXTEND_TIMEOUT_USEC=int(seconds * _MICROSECONDS))

    def end(self) -> None:
        """Report nothing further."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def reloading(self) -> None:
        """Report that a reload has begun."""
        self._notify.send_reloading()

    def reloaded(self) -> None:
        """Report that the reload is over, whatever became of it."""
        if self._was_ready:
            self._notify.send(READY=1)

    def _tick(self) -> None:
        ready, status = self._was_ready or self._ready(), self._describe()
        news: dict[str, str | int] = {"WATCHDOG": 1} if self._has_watchdog else {}
        if not ready:
            news["EXTEND_TIMEOUT_USEC"] = _START_TIMEOUT_SECONDS * _MICROSECONDS
        elif not self._was_ready:
            news["READY"] = 1
        if status != self._status:
            news["STATUS"] = status
        if news and self._notify.send(**news):
            self._was_ready, self._status = ready, status
        self._timer = self._clock.callLater(self._interval if self._was_ready else _STARTING_SECONDS, self._tick)


def find_watchdog_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """Return how long the service manager waits for a sign of life of this process; None if it does not."""
    given = environ.get("WATCHDOG_USEC", "")
    if not given or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    if not _MICROSECONDS_FORM.fullmatch(given) or int(given) > _MAX_MICROSECONDS:
        _LOG.warn("WATCHDOG_USEC is not a number of microseconds; the watchdog is not fed", event="watchdog_ignored")
        return None
    return int(given) / _MICROSECONDS or None


def _show_stacks_on_abort() -> None:
    """Write the stacks of all threads when the watchdog ends the process (SIGABRT): they show what is stuck."""
    if sys.__stderr__ is not None:
        faulthandler.enable(sys.__stderr__)
