"""How the end of an answer reaches its client: as a stream, as one body, or not at all."""

from collections.abc import Callable
from typing import Protocol

from codexd.interfaces import IBodyWriter
from codexd.neutral.fault import Fault


class Delivery(Protocol):
    """The way from an answer to its client."""

    @property
    def opened(self) -> bool:
        """Whether the head of the response has left."""
        ...

    def start(self) -> None:
        """Start timers and subscriptions, once the answer is accepted."""
        ...

    def advance(self) -> None:
        """Send what was recorded since the last call."""
        ...

    def finish(self) -> None:
        """Send the rest; the owner is told (`delivered`) once the client has taken it."""
        ...

    def refuse(self, fault: Fault) -> None:
        """Send an error in place of the answer; the owner is told (`delivered`)."""
        ...

    def stop(self) -> None:
        """Stop sending: the client has everything or is gone. Idempotent."""
        ...

    def hurry(self) -> None:
        """Disconnect the client, rather than wait for it, once the end is recorded."""
        ...

    def abort(self) -> None:
        """Stop sending and break the connection off: the client must not take an incomplete response for complete."""
        ...


class BodyDelivery:
    """One JSON body, sent when the answer is complete (`Delivery`).

    Args:
        writer: to the client.
        render: returns the body.
        ignored: returns the request's fields without effect.
        delivered: called when the body was handed to the writer.
    """

    opened = False

    def __init__(
        self,
        writer: IBodyWriter,
        render: Callable[[], bytes],
        ignored: Callable[[], tuple[str, ...]],
        delivered: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._render = render
        self._ignored = ignored
        self._delivered = delivered

    def start(self) -> None:
        """Do nothing: there is no timer."""

    def advance(self) -> None:
        """Send nothing: the status is not known before the end."""

    def finish(self) -> None:
        """Send the body."""
        self._writer.send(self._render(), self._ignored())
        self._delivered()

    def refuse(self, fault: Fault) -> None:
        """Send an error in place of the body."""
        self._writer.refuse(fault)
        self._delivered()

    def stop(self) -> None:
        """Do nothing: there is no timer and no queue."""

    def hurry(self) -> None:
        """Do nothing: the body never waits."""

    def abort(self) -> None:
        """Break the connection off."""
        self._writer.abort()


class NoDelivery:
    """No client: the answer runs in the background, or its client has left (`Delivery`).

    Args:
        delivered: called as soon as there would be something to deliver.
    """

    opened = False

    def __init__(self, delivered: Callable[[], None]) -> None:
        self._delivered = delivered

    def start(self) -> None:
        """Do nothing."""

    def advance(self) -> None:
        """Send nothing."""

    def finish(self) -> None:
        """Report the end as delivered."""
        self._delivered()

    def refuse(self, fault: Fault) -> None:
        """Report the end as delivered."""
        self._delivered()

    def stop(self) -> None:
        """Do nothing."""

    def hurry(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""
