"""Measures how long a daemon's reactor is held, from inside its process.

`python -m bench.probe PORT ...` runs twistd with the remaining arguments, and a probe in its reactor: a timer, and
a TCP server at PORT that reports the longest time between two ticks of the timer since the last report.
"""

import resource
import sys
import time
from typing import Final

from twisted.internet import reactor as _reactor  # noqa: TID251
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.scripts import twistd

from codexd.wire import json

reactor: Final = _reactor
_TICK_SECONDS: Final = 0.001


class ReactorProbe:
    """The longest holds since the last report.

    The CPU time between two ticks is what the daemon itself took; other load of the machine does not count. A thread
    that runs beside the reactor does, so it is an upper limit.
    """

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        self._longest = [0.0, 0.0]

    def tick(self) -> None:
        """Measure the time since the last tick."""
        cpu, wall = time.process_time(), time.perf_counter()
        self._longest = [max(self._longest[0], cpu - self._cpu), max(self._longest[1], wall - self._wall)]
        self._cpu, self._wall = cpu, wall

    def report(self) -> bytes:
        """Return the figures, and begin again."""
        self.tick()
        longest, self._longest = self._longest, [0.0, 0.0]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return json.encode({"cpu_seconds": longest[0], "wall_seconds": longest[1], "peak_bytes": peak})


class _Reporter(Protocol):
    def connectionMade(self) -> None:
        """Send one report and close."""
        assert self.transport is not None
        self.transport.write(self.factory.probe.report())
        self.transport.loseConnection()


def start(port: int) -> None:
    """Start the probe in the running reactor."""
    probe = ReactorProbe()
    LoopingCall(probe.tick).start(_TICK_SECONDS)
    factory = Factory.forProtocol(_Reporter)
    factory.probe = probe  # type: ignore[attr-defined]
    TCP4ServerEndpoint(reactor, port, interface="127.0.0.1").listen(factory)


if __name__ == "__main__":
    reactor.callWhenRunning(start, int(sys.argv[1]))
    sys.argv = ["twistd", *sys.argv[2:]]
    twistd.run()
