"""The way out to one reader: at full speed while it reads, a bounded queue while it does not."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from codexd.http.request import Request
from codexd.policy import flow

_BATCH_BYTES = 64 * 2**10  # what a transport takes before it says that it is full
_LEAST_SECONDS = 0.001  # a timer that fires a rounding error early must not spin


class Keeper(Protocol):
    """Whoever can do something about a slow reader."""

    def pause(self) -> None:
        """Bring no more until `resume`."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...

    def cut(self) -> None:
        """Give this reader up."""
        ...


@implementer(IPushProducer)
class Outlet:
    """Writes whole frames to one client, all of one piece in one write.

    Args:
        request: whose transport says when it has had enough.
        clock: for deadlines.
        limits: what a slow reader is granted.
        keeper: acts on a slow reader.
    """

    def __init__(self, request: Request, clock: IReactorTime, limits: flow.FlowLimits, keeper: Keeper) -> None:
        self._request = request
        self._clock = clock
        self._limits = limits
        self._keeper = keeper
        self._reader = flow.ClientFlow()
        self._queue: deque[bytes] = deque()
        self._paused = False
        self._closed: Callable[[], None] | None = None
        self._timer: IDelayedCall | None = None
        request.registerProducer(self, True)

    @property
    def waiting(self) -> bool:
        """Tell whether something waits for the reader."""
        return bool(self._queue)

    def write(self, frames: list[bytes]) -> None:
        """Write whole frames, now or when the reader is ready for them."""
        if not self._paused and not self._queue:
            self._request.write(b"".join(frames))
            return
        self._queue.extend(frames)
        self._reader = flow.enqueue(self._reader, sum(map(len, frames)), self._clock.seconds())
        self._look()

    def close(self, closed: Callable[[], None]) -> None:
        """Take no more, and call back when everything was taken."""
        if not self._queue:
            self._end(closed)
            return
        self._closed = closed
        self._reader = flow.finish(self._reader)
        self._look()

    def discard(self) -> None:
        """Forget what waits: nobody will read it. Idempotent."""
        self._closed = None
        self._queue.clear()
        self._reader = flow.ClientFlow()
        self._stop_timer()

    def pauseProducing(self) -> None:
        """Note that the transport is full (IPushProducer)."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Note that the transport is empty again, and fill it (IPushProducer)."""
        self._paused = False
        while self._queue and not self._paused:
            self._write_batch()
        self._look()
        if self._closed is not None and not self._queue:
            self._end(self._closed)

    def stopProducing(self) -> None:
        """Note that the connection is gone (IPushProducer); what follows from it comes another way."""
        self.discard()

    def _write_batch(self) -> None:
        batch: list[bytes] = []
        size_bytes = 0
        while self._queue and size_bytes < _BATCH_BYTES:
            batch.append(self._queue.popleft())
            size_bytes += len(batch[-1])
        self._reader = flow.dequeue(self._reader, size_bytes, self._clock.seconds())
        self._request.write(b"".join(batch))

    def _look(self) -> None:
        self._reader, act = flow.decide(self._reader, self._limits, self._clock.seconds())
        if act == "drop":
            self._keeper.cut()
            return
        if act == "pause":
            self._keeper.pause()
        elif act == "resume":
            self._keeper.resume()
        self._set_timer(flow.drop_deadline(self._reader, self._limits))

    def _set_timer(self, when: float | None) -> None:
        """Look again no later than then; a timer that is too early sets itself again."""
        if when is None:
            self._stop_timer()
        elif self._timer is None or self._timer.getTime() > when:
            self._stop_timer()
            wait_seconds = max(when - self._clock.seconds(), _LEAST_SECONDS)
            self._timer = self._clock.callLater(wait_seconds, self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._look()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _end(self, closed: Callable[[], None]) -> None:
        self._request.unregisterProducer()
        closed()
