"""The event sink of one choice of an answer."""

from typing import Protocol

from zope.interface import implementer

from codexd.interfaces import IEventSink
from codexd.neutral.event import Event


class EventReceiver(Protocol):
    """The answer, as the sinks of its choices see it."""

    def receive(self, event: Event, choice: int) -> None:
        """Process the next event of a choice."""
        ...

    def settle(self) -> None:
        """Act on the received events."""
        ...


@implementer(IEventSink)
class ChoiceSink:
    """Passes the events of one choice on, up to its end and no further.

    Attributes:
        settle: called at the end of a reactor iteration; `EventReceiver.settle`.
        closed: the end of the choice was received, or the rest is not needed.
    """

    __slots__ = ("_choice", "_receiver", "closed", "settle")

    def __init__(self, receiver: EventReceiver, choice: int) -> None:
        self._receiver = receiver
        self._choice = choice
        self.closed = False
        self.settle = receiver.settle  # (IEventSink)

    def receive(self, event: Event) -> None:
        """Pass the next event on (IEventSink)."""
        if not self.closed:
            self._receiver.receive(event, self._choice)
