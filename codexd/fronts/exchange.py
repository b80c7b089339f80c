"""What every front end gives the rim: a body read as a Draft, and the Exchange that it becomes.

A draft names what the request goes on from; given that, it is a decoded request that can write its own
answer, and write it down to be kept.
"""

from collections.abc import Callable
from typing import Protocol

from attrs import evolve, frozen

from codexd.neutral.event import Event
from codexd.neutral.kept import KeptResponse, Recalled, Standing, Wanted
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Turn


@frozen
class Terms:
    """On whose behalf a body is read, and how they want to be spoken to.

    Attributes:
        principal: whose request it is.
        modes: compatibility modes that are on (`responses.compatibility`).
        drop_hosted: hosted tools that cannot be run are dropped with a note, not refused.
        show_reasoning: Chat shows reasoning as `reasoning_content`.
        calls_as_text: tool calls are shown as blocks in the text.
    """

    principal: str
    modes: frozenset[str] = frozenset()
    drop_hosted: bool = False
    show_reasoning: bool = True
    calls_as_text: bool = False


def choice(turn: Turn, index: int) -> Turn:
    """Give the turn that asks for one choice of several: with one seed all of them would say the same.

    Args:
        turn: as it was asked.
        index: of the choice; the first has the seed that was asked for.
    """
    seed = turn.sampling.seed
    if seed is None or not index:
        return turn
    return evolve(turn, sampling=evolve(turn.sampling, seed=seed ^ index))


@frozen
class Stamp:
    """What makes this answer this one: a random token for ids, the time, the model as the client named it.

    Attributes:
        token: hexadecimal, unguessable; `chatcmpl-<token>`, `resp_<token>`.
        created: Unix time in whole seconds.
        model: echoed as `model`.
        clock: Unix time in seconds when asked, for `completed_at`; None leaves that null. It stands still
            once it was asked, so that the answer and what is kept of it say the same.
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


class QueuedEncoder(Encoder, Protocol):
    """An encoder whose stream can begin before the model does."""

    def queued(self) -> list[bytes]:
        """Give the frames that say the answer was accepted; before the first `feed`, if at all."""
        ...


class Keeping(Protocol):
    """How an answer is kept."""

    @property
    def background(self) -> bool:
        """Whether the answer goes on without its client."""
        ...

    def encoder(self, stamp: Stamp) -> QueuedEncoder:
        """Make the writer of the stream that is kept with a background answer."""
        ...

    def write(self, reply: Reply, stamp: Stamp, standing: Standing = "over") -> KeptResponse:
        """Write down how the answer stands."""
        ...


class Exchange(Protocol):
    """One decoded request of one dialect."""

    @property
    def turn(self) -> Turn:
        """What is asked."""
        ...

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What is asked, choice by choice."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the answer is to be streamed."""
        ...

    @property
    def keeping(self) -> Keeping | None:
        """How the one answer is kept; None for answers that are not."""
        ...

    def encoder(self, stamp: Stamp) -> Encoder:
        """Make the writer of a streamed answer."""
        ...

    def render(self, replies: tuple[Reply, ...], stamp: Stamp) -> bytes:
        """Write the whole answer as one JSON body; no reply here has a fault."""
        ...


class Draft(Protocol):
    """A body, read as far as it can be without what it goes on from."""

    @property
    def wanted(self) -> Wanted:
        """What it goes on from."""
        ...

    def complete(self, recalled: Recalled) -> Exchange:
        """Read the rest.

        Raises:
            Refused: for whatever is wrong with the request, such as `previous_response_not_found`.
        """
        ...


@frozen
class Settled:
    """A draft of a request that goes on from nothing (`Draft`)."""

    exchange: Exchange
    wanted: Wanted

    @classmethod
    def of(cls, exchange: Exchange) -> "Settled":
        """Make the draft of an exchange."""
        return cls(exchange, Wanted(exchange.turn.principal))

    def complete(self, recalled: Recalled) -> Exchange:
        """Give the exchange."""
        return self.exchange
