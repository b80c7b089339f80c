"""What an answer and the shape it is written in (streamed.py, whole.py, kept.py) know of each other."""

from collections.abc import Callable
from typing import Protocol

from codexd.http.outlet import Keeper
from codexd.neutral.event import Event

Settle = Callable[[bytes | None], None]
"""Told that everything was taken, with the body that is still to be written, if there is one."""


class Host(Keeper, Protocol):
    """The answer, as its shape sees it."""

    def head(self) -> None:
        """Set the headers that every answer has: the first byte is about to leave."""
        ...


class Shape(Protocol):
    """How an answer is written."""

    @property
    def opened(self) -> bool:
        """Whether the status is 200, and from here on a failure is told inside the answer."""
        ...

    def feed(self, event: Event, choice: int) -> None:
        """Take one event of one choice."""
        ...

    def keepalive(self) -> None:
        """Say something that means nothing."""
        ...

    def settle(self) -> bool:
        """Write what is there, in one piece; tell whether anything was."""
        ...

    def kept(self) -> bool:
        """Tell whether all that is to be kept is; what is not is begun to be, and the answer told of it."""
        ...

    def end(self, settle: Settle) -> None:
        """Settle once the client has taken everything."""
        ...

    def discard(self) -> None:
        """Forget what waits: nobody will read it. Idempotent."""
        ...
