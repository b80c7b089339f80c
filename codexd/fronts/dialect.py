"""Contracts between the dialects and `http`: a request body becomes a PendingRequest, then a DecodedRequest.

A pending request names the stored history it continues. With that history loaded it completes to a decoded
request, which encodes its own response, also for the store.
"""

from collections.abc import Callable
from typing import Protocol

from attrs import evolve, field, frozen

from codexd.neutral.event import Event
from codexd.neutral.reply import Reply
from codexd.neutral.stored import HistoryQuery, LoadedHistory, ResponseState, StoredResponse
from codexd.neutral.turn import Turn


@frozen
class RequestOptions:
    """Whose request is decoded, and the settings that apply to it.

    Attributes:
        principal: the id of the principal who sends the request.
        modes: the compatibility modes that are on (`responses.compatibility`).
        drop_hosted: drop unsupported hosted tools and list them as ignored, instead of rejecting the request.
        show_reasoning: show reasoning as `reasoning_content` in Chat.
        calls_as_text: show tool calls as blocks in the text.
    """

    principal: str
    modes: frozenset[str] = field(default=frozenset(), kw_only=True)
    drop_hosted: bool = field(default=False, kw_only=True)
    show_reasoning: bool = field(default=True, kw_only=True)
    calls_as_text: bool = field(default=False, kw_only=True)


def turn_for_choice(turn: Turn, index: int) -> Turn:
    """Return the turn of one choice; each gets its own seed, as equal seeds would give equal choices.

    Args:
        turn: the turn as requested.
        index: of the choice; the first has the requested seed.
    """
    seed = turn.sampling.seed
    if seed is None or not index:
        return turn
    return evolve(turn, sampling=evolve(turn.sampling, seed=seed ^ index))


@frozen
class ResponseIdentity:
    """The id, creation time and model name that a response shows.

    Attributes:
        token: hexadecimal, unguessable; `chatcmpl-<token>`, `resp_<token>`.
        created: Unix time in whole seconds.
        model: echoed as `model`.
        clock: returns the Unix time in seconds, for `completed_at`; None leaves that null. It must return the
            same time at every call, so that the response and its stored copy agree.
    """

    token: str
    created: int
    model: str
    clock: Callable[[], float] | None = None

    def now(self) -> int | None:
        """Return the Unix time in whole seconds, or None without a clock."""
        return None if self.clock is None else int(self.clock())


class Encoder(Protocol):
    """Encodes one streamed response as SSE frames."""

    def feed(self, event: Event, choice: int = 0) -> list[bytes]:
        """Return the frames of this event; possibly none."""
        ...

    def keepalive(self) -> bytes:
        """Return a frame that resets the client's idle timer and has no other effect."""
        ...


class QueuedEncoder(Encoder, Protocol):
    """An encoder whose stream can begin before the model does."""

    def queued(self) -> list[bytes]:
        """Return the frames that announce an accepted response; call it before the first `feed` only."""
        ...


class StorageEncoder(Protocol):
    """Encodes a response for the store."""

    @property
    def background(self) -> bool:
        """Whether the response continues without its client."""
        ...

    def build_encoder(self, identity: ResponseIdentity) -> QueuedEncoder:
        """Build the encoder of the stream that is stored with a background response."""
        ...

    def encode(self, reply: Reply, identity: ResponseIdentity, state: ResponseState = "over") -> StoredResponse:
        """Encode the response in its current state."""
        ...


class DecodedRequest(Protocol):
    """A decoded request of one dialect, which can encode its own response."""

    @property
    def turn(self) -> Turn:
        """The requested turn."""
        ...

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turn of each choice."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the response is streamed."""
        ...

    @property
    def storage(self) -> StorageEncoder | None:
        """The encoder for the store; None if the response is not stored."""
        ...

    def build_encoder(self, identity: ResponseIdentity) -> Encoder:
        """Build the encoder of a streamed response."""
        ...

    def render(self, replies: tuple[Reply, ...], identity: ResponseIdentity) -> bytes:
        """Render the complete response as one JSON body; none of the replies may have a fault."""
        ...


class PendingRequest(Protocol):
    """A request body that is decoded as far as possible without the history it continues."""

    @property
    def history_query(self) -> HistoryQuery:
        """The stored history to load."""
        ...

    def complete(self, loaded: LoadedHistory) -> DecodedRequest:
        """Decode the rest of the request.

        Raises:
            FaultError: for an invalid request, such as `previous_response_not_found`.
        """
        ...


@frozen
class StandaloneRequest:
    """A pending request that continues no stored history (`PendingRequest`)."""

    decoded: DecodedRequest
    history_query: HistoryQuery

    @classmethod
    def of(cls, decoded: DecodedRequest) -> "StandaloneRequest":
        """Wrap a decoded request."""
        return cls(decoded, HistoryQuery(decoded.turn.principal))

    def complete(self, loaded: LoadedHistory) -> DecodedRequest:
        """Return the decoded request."""
        return self.decoded
