"""The signals of the daemon. Handlers only pass the signal on to the reactor's thread.

| Signal | Effect |
| --- | --- |
| SIGTERM, SIGINT | the first drains, as Twisted does; the second ends running responses at once; the third kills |
| SIGHUP | reloads the configuration |
| SIGUSR1 | opens the log file again |
| SIGUSR2 | none |
"""

import signal
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final, Protocol

from twisted.logger import Logger

_STOP: Final = (signal.SIGTERM, signal.SIGINT)

Handler = Callable[[int, FrameType | None], object]


class SignalTarget(Protocol):
    """What signals do; called in the reactor's thread."""

    def reload(self) -> object:
        """Reload the configuration."""
        ...

    def reopen_log(self) -> object:
        """Open the log file again."""
        ...

    def hurry(self) -> object:
        """Stop at once; the stop has begun."""
        ...


class Signals:
    """Handles the signals of one daemon, from before its start.

    A handler also replaces an ignored SIGHUP (`nohup`): the configuration can then be reloaded. Processes that the
    daemon starts do not inherit handlers.

    Args:
        reactor: calls the target in its thread; its own handlers perform the first stop.
        target: the daemon.
    """

    _log = Logger()

    def __init__(self, reactor: Any, target: SignalTarget) -> None:
        self._reactor = reactor
        self._target = target
        self._stops = 0
        self._first: Mapping[int, Handler] = {}

    def install(self) -> None:
        """Install the handlers; those for a stop once the reactor, which installs its own ones first, runs."""
        target = self._target
        self._handle(signal.SIGHUP, target.reload)
        self._handle(signal.SIGUSR1, target.reopen_log)
        self._handle(signal.SIGUSR2, self._ignore)
        self._reactor.callWhenRunning(self._install_stop)

    def _handle(self, number: signal.Signals, act: Callable[[], object]) -> None:
        signal.signal(number, lambda *_: self._reactor.callFromThread(act))

    def _ignore(self) -> None:
        """Do nothing; a signal that is ignored (SIG_IGN) would be ignored by the Codex processes, too."""

    def _install_stop(self) -> None:
        found = {number: signal.getsignal(number) for number in _STOP}
        # A background job of a shell ignores SIGINT, and a debugger handles it: that stays.
        self._first = {number: handler for number, handler in found.items() if callable(handler)}
        for number in self._first:
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stops += 1
        if self._stops == 1:
            self._first[number](number, frame)
            return
        for other in self._first:
            signal.signal(other, signal.SIG_DFL)
        self._reactor.callFromThread(self._hurry, signal.Signals(number).name)

    def _hurry(self, name: str) -> None:
        self._log.warn("Received {name} again, stopping at once", event="stop_repeated", name=name)
        self._target.hurry()
