"""Write an answer's frames to one request: in few writes, with the script's waits."""

from collections.abc import Callable, Iterator

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.web.http import Request
from zope.interface import implementer

from codexd.scripted.plan import Frame, Pause

FRAMES_A_WRITE = 16
"""Frames of one write. The next is in another turn of the reactor, so a long answer comes in many reads."""


@implementer(IPushProducer)
@define(eq=False)
class Pump:
    """One answer on its way. It ends by itself, by `stopProducing`, or when the client leaves."""

    _clock: IReactorTime
    _request: Request
    _frames: Iterator[Frame] = field(repr=False)
    _pace_seconds: float
    _end: Callable[[Request], None]
    """What to do with the request after the last frame."""
    _timer: IDelayedCall | None = field(default=None, init=False)
    _paused: bool = field(default=False, init=False)
    _stopped: bool = field(default=False, init=False)

    def start(self) -> None:
        """Write what can be written at once, and go on from there."""
        self._request.registerProducer(self, True)
        self._request.notifyFinish().addBoth(lambda _: self.stopProducing())
        self._write()

    def pauseProducing(self) -> None:
        """The client reads too slowly: write no more."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The client has caught up: go on."""
        if self._paused:
            self._paused = False
            if self._timer is None:
                self._after(0)

    def stopProducing(self) -> None:
        """Nobody reads any more: write nothing after this."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _after(self, seconds: float) -> None:
        if not self._stopped:
            self._timer = self._clock.callLater(seconds, self._write)

    def _write(self) -> None:
        self._timer = None
        if self._paused:
            return
        batch, wait_seconds = self._take()
        if batch:
            self._request.write(b"".join(batch))
        if wait_seconds is None:
            self._request.unregisterProducer()
            self._end(self._request)
        else:
            self._after(wait_seconds)

    def _take(self) -> tuple[list[bytes], float | None]:
        """Take the frames of one write, and the wait after it; None after the last."""
        batch: list[bytes] = []
        most = 1 if self._pace_seconds else FRAMES_A_WRITE
        for frame in self._frames:
            if isinstance(frame, Pause):
                return batch, frame.seconds
            batch.append(frame)
            if len(batch) == most:
                return batch, self._pace_seconds
        return batch, None
