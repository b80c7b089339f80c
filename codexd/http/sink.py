"""Where a back end says one choice of an answer."""

from typing import Protocol

from zope.interface import implementer

from codexd.interfaces import IEventSink
from codexd.neutral.event import Event


class Taker(Protocol):
    """The answer, as its sinks see it."""

    def take(self, event: Event, choice: int) -> None:
        """Take the next event of a choice."""
        ...

    def settle(self) -> None:
        """Write what is waiting."""
        ...


@implementer(IEventSink)
class Sink:
    """Takes one choice's events, up to its end and no further.

    Attributes:
        over: the end has come.
    """

    __slots__ = ("_choice", "_taker", "over")

    def __init__(self, taker: Taker, choice: int) -> None:
        self._taker = taker
        self._choice = choice
        self.over = False

    def receive(self, event: Event) -> None:
        """Take the next event."""
        if not self.over:
            self._taker.take(event, self._choice)

    def settle(self) -> None:
        """Write what is waiting."""
        self._taker.settle()
