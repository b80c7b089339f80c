"""Write the frames of an answer to a request: in few writes, with the delays of the script."""

from collections.abc import Callable, Iterator

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.web.http import Request
from zope.interface import implementer

from codexd.scripted.answer_plan import Pause, ScriptedFrame

FRAMES_PER_WRITE = 16
"""The frames of one write. Each write is in its own reactor iteration, so that a long answer needs many reads."""


@implementer(IPushProducer)
@define(eq=False, kw_only=True)
class FrameWriter:
    """Writes one answer. Ends after the last frame, by `stopProducing`, or when the client disconnects."""

    _clock: IReactorTime
    _request: Request
    _frames: Iterator[ScriptedFrame] = field(repr=False)
    _pace_seconds: float
    _end_response: Callable[[Request], None]
    """Called with the request after the last frame."""
    _timer: IDelayedCall | None = field(default=None, init=False)
    _paused: bool = field(default=False, init=False)
    _stopped: bool = field(default=False, init=False)

    def start(self) -> None:
        """Start writing."""
        self._request.registerProducer(self, True)
        self._request.notifyFinish().addBoth(lambda _: self.stopProducing())
        self._write()

    def pauseProducing(self) -> None:
        """Stop writing: the client reads too slowly (IPushProducer)."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Continue writing (IPushProducer)."""
        if self._paused:
            self._paused = False
            if self._timer is None:
                self._schedule(0)

    def stopProducing(self) -> None:
        """Stop for good: the connection is closed (IPushProducer)."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, seconds: float) -> None:
        if not self._stopped:
            self._timer = self._clock.callLater(seconds, self._write)

    def _write(self) -> None:
        self._timer = None
        if self._paused:
            return
        batch, wait_seconds = self._next_batch()
        if batch:
            self._request.write(b"".join(batch))
        if wait_seconds is None:
            self._request.unregisterProducer()
            self._end_response(self._request)
        else:
            self._schedule(wait_seconds)

    def _next_batch(self) -> tuple[list[bytes], float | None]:
        """Return the frames of the next write and the delay after it; None after the last."""
        batch: list[bytes] = []
        max_frames = 1 if self._pace_seconds else FRAMES_PER_WRITE
        for frame in self._frames:
            if isinstance(frame, Pause):
                return batch, frame.seconds
            batch.append(frame)
            if len(batch) == max_frames:
                return batch, self._pace_seconds
        return batch, None
