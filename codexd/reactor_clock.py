"""The reactor's clock: monotonic, so that a change of the wall clock neither fires nor delays a timer."""

import time
from typing import Any

from twisted.logger import Logger

_log = Logger()


def use_monotonic_time(reactor: Any) -> bool:
    """Make a reactor's `seconds`, and so all of its timers, monotonic; return whether that was possible.

    Twisted's default is the Unix time. Every reactor reads `self.seconds` for its timers (IReactorTime), and each
    timer keeps the function it was created with: the clock can be replaced only while nothing is scheduled.
    """
    if reactor.seconds is time.monotonic:
        return True
    if reactor.getDelayedCalls():
        _log.warn("Timers follow the wall clock: the reactor's clock was in use already", event="clock_not_monotonic")
        return False
    reactor.seconds = time.monotonic
    return True
