"""Sends one large body in pieces, no faster than its client reads them."""

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from codexd.policy.byte_budget import BudgetAccount
from codexd.policy.flow import FlowLimits

PIECE_BYTES: Final = 64 * 2**10
"""What is written at once. A body of at most this size is written as it is."""


@implementer(IPushProducer)
class BodySender:
    """Sends one body. The transport then holds a piece of it, and not a copy of the whole.

    A client that reads nothing is disconnected as one of a stream is: after `write_timeout_seconds`, or, while its
    principal is over the budget of unsent bytes, after `pause_seconds`.

    Args:
        body: the whole body.
        write: writes a piece.
        account: of the budget of unsent bytes.
        clock: for the timeouts.
        limits: of a slow client.
        on_sent: called when everything was written.
        on_slow: called when the client is to be disconnected.
    """

    def __init__(
        self,
        *,
        body: bytes,
        write: Callable[[bytes], object],
        account: BudgetAccount,
        clock: IReactorTime,
        limits: FlowLimits,
        on_sent: Callable[[], object],
        on_slow: Callable[[], object],
    ) -> None:
        self._body = memoryview(body)
        self._write = write
        self._account = account
        self._clock = clock
        self._limits = limits
        self._on_sent = on_sent
        self._on_slow = on_slow
        self._paused = False
        self._waiting_since = 0.0
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Write the first pieces."""
        self._account.set(len(self._body))
        self.resumeProducing()

    def pauseProducing(self) -> None:
        """Stop writing: the transport is full (IPushProducer)."""
        self._paused = True
        self._waiting_since = self._clock.seconds()
        if self._timer is None:
            self._timer = self._clock.callLater(self._limits.pause_seconds, self._check)

    def resumeProducing(self) -> None:
        """Write until the transport is full, or everything is written (IPushProducer)."""
        self._paused = False
        while len(self._body) and not self._paused:
            piece, self._body = self._body[:PIECE_BYTES], self._body[PIECE_BYTES:]
            self._write(bytes(piece))
        self._account.set(len(self._body))
        if not len(self._body):
            self.stop()
            self._on_sent()

    def stopProducing(self) -> None:
        """Release everything: the connection is closed (IPushProducer)."""
        self._paused = True
        self.stop()

    def stop(self) -> None:
        """Release the body and the timer. Idempotent."""
        self._body = memoryview(b"")
        self._account.set(0)
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _check(self) -> None:
        self._timer = None
        if self._paused:
            waited = self._clock.seconds() - self._waiting_since
            allowed = self._limits.pause_seconds if self._account.is_over else self._limits.write_timeout_seconds
            if waited >= allowed:
                self.stop()
                self._on_slow()
                return
        self._timer = self._clock.callLater(self._limits.pause_seconds, self._check)
