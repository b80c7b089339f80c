"""What every front end gives the rim: one decoded request that can write its own answer."""

from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from codexd.neutral.event import Event
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Turn


@frozen
class Stamp:
    """What makes this answer this one: a random token for ids, the time, the model as the client named it.

    Attributes:
        token: hexadecimal, unguessable; `chatcmpl-<token>`, `resp_<token>`.
        created: Unix time in whole seconds.
        model: echoed as `model`.
        clock: Unix time in seconds when asked, for `completed_at`; None leaves that null.
    """

    token: str
    created: int
    model: str
    clock: Callable[[], float] | None = None

    def now(self) -> int | None:
        """Give the Unix time in whole seconds, if there is a clock."""
        return None if self.clock is None else int(self.clock())


class Encoder(Protocol):
    """Writes one streamed answer as SSE frames."""

    def feed(self, event: Event, choice: int = 0) -> list[bytes]:
        """Give the frames this event amounts to; possibly none."""
        ...

    def keepalive(self) -> bytes:
        """Give a frame that resets the client's idle timer and means nothing."""
        ...


class Exchange(Protocol):
    """One decoded request of one dialect."""

    @property
    def turn(self) -> Turn:
        """What is asked."""
        ...

    @property
    def choices(self) -> int:
        """How many answers are asked (`n`)."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the answer is to be streamed."""
        ...

    def encoder(self, stamp: Stamp) -> Encoder:
        """Make the writer of a streamed answer."""
        ...

    def render(self, replies: tuple[Reply, ...], stamp: Stamp) -> bytes:
        """Write the whole answer as one JSON body; no reply here has a fault."""
        ...
