"""What takes a response's body: as it comes, or whole up to a limit."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet import protocol
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from codexd.upstream.reads import Reads

DRAIN_SECONDS: Final = 5.0
DRAIN_BYTES: Final = 64 * 1024
"""What may come after an answer's end, so that its connection can be used again."""


class Reader(Protocol):
    """Whoever reads a stream."""

    def heard(self, data: bytes) -> None:
        """Bytes came."""

    def ended(self, reason: Failure | None) -> None:
        """No more come: by themselves, or for a reason."""


class Stream(protocol.Protocol):
    """Brings a body to its reader, read by read, until the reader lets it go."""

    transport: Any

    def __init__(self, reader: Reader, clock: IReactorTime, reads: Reads) -> None:
        self._reader: Reader | None = reader
        self._clock = clock
        self._reads = reads
        self._pieces: list[bytes] = []
        self._over = False
        self._drained = 0
        self._timer: IDelayedCall | None = None

    def dataReceived(self, data: bytes) -> None:
        """Bytes came (IProtocol)."""
        if self._reader is not None:
            self._pieces.append(data)
            if len(self._pieces) == 1:
                self._reads.at_end(self._deliver)
            return
        self._drained += len(data)
        if self._drained > DRAIN_BYTES:
            self.abort()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """The body is over (IProtocol); without a length its end is that of the connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._over = True
        self._deliver()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.ended(None if reason.check(ResponseDone, PotentialDataLoss) else reason)

    def hold(self) -> None:
        """Read no more."""
        self.transport.pauseProducing()

    def release(self) -> None:
        """Go on reading."""
        self.transport.resumeProducing()

    def drain(self) -> None:
        """The reader has all it wants: what is left is read for the connection's sake, if it is little."""
        self._reader = None
        if not self._over:
            self.release()
            self._timer = self._clock.callLater(DRAIN_SECONDS, self._drained_long_enough)

    def abort(self) -> None:
        """Give the connection up."""
        self._reader = None
        if not self._over:
            self.transport.loseConnection()

    def _deliver(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces and self._reader is not None:
            self._reader.heard(b"".join(pieces))

    def _drained_long_enough(self) -> None:
        self._timer = None
        self.abort()


class Collector(protocol.Protocol):
    """Collects a body and gives it once: when it is over, or when it is as long as it may be."""

    transport: Any

    def __init__(self, limit_bytes: int, done: Callable[[bytes], None]) -> None:
        self._limit_bytes = limit_bytes
        self._done: Callable[[bytes], None] | None = done
        self._body = bytearray()

    def dataReceived(self, data: bytes) -> None:
        """Bytes came (IProtocol)."""
        self._body += data[: self._limit_bytes - len(self._body)]
        if len(self._body) >= self._limit_bytes:
            self.transport.loseConnection()
            self._give()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """The body is over (IProtocol)."""
        self._give()

    def abort(self) -> None:
        """Nobody wants it."""
        self._done = None
        self.transport.loseConnection()

    def _give(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(bytes(self._body))
