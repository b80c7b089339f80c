"""Receivers of a response body: streamed as it arrives, or collected up to a limit."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet import protocol
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from codexd.upstream.read_dispatcher import ReadDispatcher

DRAIN_SECONDS: Final = 5.0
DRAIN_BYTES: Final = 64 * 1024
"""How much is read after the end of a response so that its connection can be reused."""


class BodyReceiver(Protocol):
    """The receiver of a streamed body."""

    def body_received(self, data: bytes) -> None:
        """Process bytes of the body."""

    def body_ended(self, reason: Failure | None) -> None:
        """Process the end of the body; `reason` is None if it is complete."""


class StreamedBody(protocol.Protocol):
    """Delivers a body to its receiver, one call per socket read, until it is drained or aborted.

    Args:
        receiver: receives the body.
        clock: schedules the end of draining.
        reads: dispatches the reads of the connection.
    """

    transport: Any

    def __init__(self, receiver: BodyReceiver, clock: IReactorTime, reads: ReadDispatcher) -> None:
        self._receiver: BodyReceiver | None = receiver
        self._clock = clock
        self._reads = reads
        self._pieces: list[bytes] = []
        self._over = False
        self._drained_bytes = 0
        self._drain_timer: IDelayedCall | None = None

    def dataReceived(self, data: bytes) -> None:
        """Buffer bytes until the end of the read; count them while draining (IProtocol)."""
        if self._receiver is not None:
            self._pieces.append(data)
            if len(self._pieces) == 1:
                self._reads.call_at_end(self._deliver)
            return
        self._drained_bytes += len(data)
        if self._drained_bytes > DRAIN_BYTES:
            self.abort()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """End the body (IProtocol). A body without a length ends with its connection."""
        if self._drain_timer is not None:
            self._drain_timer.cancel()
            self._drain_timer = None
        self._over = True
        self._deliver()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.body_ended(None if reason.check(ResponseDone, PotentialDataLoss) else reason)

    def pause(self) -> None:
        """Stop reading from the connection."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Continue reading from the connection."""
        self.transport.resumeProducing()

    def drain(self) -> None:
        """Stop delivering, and read what little is left so that the connection can be reused."""
        self._receiver = None
        if not self._over:
            self.resume()
            self._drain_timer = self._clock.callLater(DRAIN_SECONDS, self._drain_timed_out)

    def abort(self) -> None:
        """Stop delivering and close the connection."""
        self._receiver = None
        if not self._over:
            self.transport.loseConnection()

    def _deliver(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces and self._receiver is not None:
            self._receiver.body_received(b"".join(pieces))

    def _drain_timed_out(self) -> None:
        self._drain_timer = None
        self.abort()


class BodyCollector(protocol.Protocol):
    """Collects a body and calls back once: at its end or when it reaches the limit.

    Args:
        limit_bytes: the size at which the connection is closed and the body is cut.
        done: called with the body.
    """

    transport: Any

    def __init__(self, limit_bytes: int, done: Callable[[bytes], None]) -> None:
        self._limit_bytes = limit_bytes
        self._done: Callable[[bytes], None] | None = done
        self._body = bytearray()

    def dataReceived(self, data: bytes) -> None:
        """Collect bytes up to the limit (IProtocol)."""
        self._body += data[: self._limit_bytes - len(self._body)]
        if len(self._body) >= self._limit_bytes:
            self.transport.loseConnection()
            self._finish()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """End the body (IProtocol)."""
        self._finish()

    def abort(self) -> None:
        """Close the connection and do not call back."""
        self._done = None
        self.transport.loseConnection()

    def _finish(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(bytes(self._body))
