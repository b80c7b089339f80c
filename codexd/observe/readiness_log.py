"""Logs when the daemon, or one of its upstreams, becomes ready or stops being ready."""

from collections.abc import Callable, Mapping
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

CHECK_SECONDS: Final = 1.0
"""Interval of the checks: nothing reports these changes, they follow from time and from failures."""


class ReadinessLog:
    """Compares the readiness with that of the last check.

    Args:
        clock: for the checks.
        is_ready: returns whether requests are served.
        upstreams: returns for each upstream, by name, whether it is ready.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, is_ready: Callable[[], bool], upstreams: Callable[[], Mapping[str, bool]]
    ) -> None:
        self._clock = clock
        self._is_ready = is_ready
        self._upstreams = upstreams
        self._was_ready = False
        self._were_up: Mapping[str, bool] = {}
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Check now, and then at intervals."""
        self._timer = self._clock.callLater(CHECK_SECONDS, self.start)
        self._check_upstreams()
        ready = self._is_ready()
        if ready and not self._was_ready:
            self._log.info("Ready: requests are served", event="daemon_ready")
        elif self._was_ready and not ready:
            self._log.warn("Not ready: no back end can serve requests", event="daemon_unready")
        self._was_ready = ready

    def stop(self) -> None:
        """Check no more. Idempotent."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _check_upstreams(self) -> None:
        before, self._were_up = self._were_up, dict(self._upstreams())
        for name, up in self._were_up.items():
            if up and not before.get(name, False):
                self._log.info("Upstream {name} is ready", event="upstream_up", name=name)
            elif before.get(name, False) and not up:
                self._log.warn("Upstream {name} is not ready", event="upstream_down", name=name)
