"""One client's reading of a transcript: it has a place in it, and nothing waits for it anywhere else."""

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from codexd.http.heading import STREAM
from codexd.http.heartbeat import Heartbeat
from codexd.http.house import House
from codexd.http.request import Request
from codexd.http.transcript import Transcript
from codexd.wire.sse import encode_comment

_BATCH_BYTES: Final = 64 * 2**10  # what a transport takes before it says that it is full
_KEEPALIVE: Final = encode_comment(b"keep-alive")


@implementer(IPushProducer)
class Viewer:
    """Reads a transcript to one client, as fast as the client takes it.

    Args:
        house: for the clock and its limits.
        request: whose transport says when it has had enough.
        transcript: what is read.
        place: where it begins, in bytes.
    """

    def __init__(self, house: House, request: Request, transcript: Transcript, place: int) -> None:
        self._house = house
        self._request = request
        self._transcript = transcript
        self._place = place
        self._paused_since: float | None = None
        self._dismissed = self._over = False
        self._done: Deferred[None] = Deferred(self._client_gone)

    def begin(self) -> Deferred[None]:
        """Read; fires when the client has taken everything. Cancel it when the client is gone.

        Raises:
            FaultError: `shutting_down`.
        """
        self._house.doorman.enter(self)
        self._request.setResponseCode(200)
        self._request.set_headers(STREAM)
        self._heartbeat = Heartbeat(self._house.clock, self._house.settings.keepalive_seconds, self._silence)
        self._transcript.follow(self._read)
        self._request.registerProducer(self, True)
        self._request.write(b"")  # the head: there may be nothing to read for long
        self._read()
        return self._done

    def pauseProducing(self) -> None:
        """Note that the transport is full (IPushProducer)."""
        self._paused_since = self._house.clock.seconds()

    def resumeProducing(self) -> None:
        """Read on (IPushProducer)."""
        self._paused_since = None
        self._read()

    def stopProducing(self) -> None:
        """Note that the connection is gone (IPushProducer); what follows from it comes another way."""

    def dismiss(self) -> None:
        """Be done when the transcript is, as the daemon stops (doorman.Guest), or be cut then."""
        self._dismissed = True
        self._read()

    def _read(self) -> None:
        if self._over:
            return
        try:
            self._write()
        except Exception:
            # One client's trouble: the others read on.
            self._house.journal.log_internal_error(self._request.record, Failure())
            self._cut("internal")

    def _write(self) -> None:
        said = self._transcript.said
        while self._place < len(said) and self._paused_since is None:
            piece = bytes(said[self._place : self._place + _BATCH_BYTES])
            self._place += len(piece)
            self._heartbeat.touch()
            self._request.write(piece)
        if self._transcript.over:
            self._end()

    def _end(self) -> None:
        if self._place < len(self._transcript.said):
            if self._dismissed:
                self._cut("shutting_down")
        elif self._transcript.whole:
            self._leave()
            self._request.unregisterProducer()
            self._done.callback(None)
        else:
            self._cut("internal")

    def _silence(self) -> None:
        """Say something meaningless, or give up a client that has taken nothing for too long."""
        if self._paused_since is None:
            self._request.write(_KEEPALIVE)
        elif self._place < len(self._transcript.said):
            stalled_seconds = self._house.clock.seconds() - self._paused_since
            if stalled_seconds >= self._house.settings.stall_seconds:
                self._house.journal.metrics.count("reader_cut")
                self._cut("slow_reader")

    def _cut(self, outcome: str) -> None:
        self._request.record.outcome = outcome
        self._leave()
        self._request.hang_up()

    def _client_gone(self, done: Deferred[None]) -> None:
        self._leave()

    def _leave(self) -> None:
        self._over = True
        self._heartbeat.stop()
        self._transcript.leave(self._read)
        self._house.doorman.leave(self)
