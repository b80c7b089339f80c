"""How the end of an answer reaches its client: as a stream, as one body, or not at all."""

from collections.abc import Callable

from codexd.interfaces import IBodyWriter
from codexd.neutral.fault import Fault


class Delivery:
    """The way from an answer to its client; on its own, that of an answer without a client.

    Such an answer runs in the background, or its client has disconnected.

    Args:
        delivered: called when the client's transport has accepted everything.

    Attributes:
        opened: the status and the headers were sent.
    """

    opened = False

    def __init__(self, delivered: Callable[[], None]) -> None:
        self.delivered = delivered

    def start(self) -> None:
        """Start timers and subscriptions, once the answer is accepted."""

    def finish(self) -> None:
        """Send the rest, then call `delivered`."""
        self.delivered()

    def refuse(self, fault: Fault) -> None:
        """Send an error in place of the answer, then call `delivered`."""
        self.delivered()

    def stop(self) -> None:
        """Stop sending: everything was sent, or the client has disconnected. Idempotent."""

    def forbid_waiting(self) -> None:
        """Once the end is recorded, send the rest without waiting for a slow client."""

    def abort(self) -> None:
        """Stop sending and abort the connection: the client must not take an incomplete response for complete."""


class BodyDelivery(Delivery):
    """One JSON body, sent when the answer is complete.

    Args:
        writer: to the client.
        render: returns the body.
        ignored: returns the request's fields without effect.
        delivered: called when the body was handed to the writer.
    """

    def __init__(
        self,
        writer: IBodyWriter,
        render: Callable[[], bytes],
        ignored: Callable[[], tuple[str, ...]],
        delivered: Callable[[], None],
    ) -> None:
        super().__init__(delivered)
        self._writer = writer
        self._render = render
        self._ignored = ignored

    def finish(self) -> None:
        """Send the body."""
        self._writer.send(self._render(), self._ignored())
        self.delivered()

    def refuse(self, fault: Fault) -> None:
        """Send an error in place of the body."""
        self._writer.refuse(fault)
        self.delivered()

    def abort(self) -> None:
        """Abort the connection."""
        self._writer.abort()
