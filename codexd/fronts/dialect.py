"""Contracts between the dialects and `http`: a request body becomes a PendingRequest, then a DecodedRequest.

A pending request names the stored history it continues. With that history loaded it completes to a decoded
request, which encodes its own response, also for the store. Streams are encoded to named JSON events; how
they are framed (server-sent events, WebSocket messages) is up to the writer.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import evolve

from codexd.fronts.limits import DEFAULT_LIMITS, RequestLimits
from codexd.neutral.event import Event
from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.neutral.reply import Fold, Reply
from codexd.neutral.stored import HistoryQuery, LoadedHistory, ResponseState, StoredResponse
from codexd.neutral.turn import Turn

StreamEvent = tuple[bytes, bytes]
"""The name and the JSON data of one event of a stream.

Events of Chat and legacy Completions have no names: b"". A tuple, not a class, as there is one per delta.
"""

Headers = tuple[tuple[bytes, bytes], ...]
"""Names and values of HTTP headers."""


@frozen(kw_only=True)
class RequestOptions:
    """Whose request is decoded, and the settings that apply to it.

    Attributes:
        principal: the id of the principal who sends the request.
        modes: the compatibility modes that are on (`responses.compatibility`).
        drop_hosted: drop unsupported hosted tools and list them as ignored, instead of rejecting the request.
        show_reasoning: show reasoning where the API of the dialect has no field for it.
        calls_as_text: show tool calls as blocks in the text.
        limits: what the request may contain at most.
    """

    principal: str
    modes: frozenset[str] = frozenset()
    drop_hosted: bool = True
    show_reasoning: bool = True
    calls_as_text: bool = False
    limits: RequestLimits = DEFAULT_LIMITS


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
    """Encodes one streamed response.

    It reads the folds it was built with, and never feeds them: each event is fed to the fold of its choice first.

    Attributes:
        reads_folds: False if the folds need not be fed for it.
    """

    reads_folds: bool

    def feed(self, event: Event, choice: int = 0) -> list[StreamEvent]:
        """Return the stream events of this event; possibly none."""
        ...

    def keep_alive(self) -> StreamEvent | None:
        """Return an event that resets the client's idle timer and has no other effect.

        None if the dialect has none (yet): the writer then uses the keep-alive of its transport, such as an
        SSE comment or a WebSocket ping.
        """
        ...


class QueuedEncoder(Encoder, Protocol):
    """An encoder whose stream can begin before the model does."""

    def queued(self) -> list[StreamEvent]:
        """Return the events that announce an accepted response; call it before the first `feed` only."""
        ...


class StorageEncoder(Protocol):
    """Encodes a response for the store."""

    @property
    def background(self) -> bool:
        """Whether the response continues without its client."""
        ...

    def build_encoder(self, identity: ResponseIdentity, folds: Sequence[Fold]) -> QueuedEncoder:
        """Build the encoder of the stream that is stored with a background response, over the fold of its choice."""
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
        """The turn of each choice, computed once."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the response is streamed."""
        ...

    @property
    def storage(self) -> StorageEncoder | None:
        """The encoder for the store; None if the response is not stored."""
        ...

    def build_encoder(self, identity: ResponseIdentity, folds: Sequence[Fold]) -> Encoder:
        """Build the encoder of a streamed response, over the folds of its choices."""
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


def decode_nothing(body: bytes, options: RequestOptions) -> PendingRequest:
    """Reject the call: this dialect has no model endpoint.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("this dialect has no model endpoint")


@frozen(kw_only=True)
class Dialect:
    """What distinguishes the clients of one API: request bodies, errors and headers.

    Attributes:
        name: for the log.
        decode: decodes a request body; raises FaultError. Endpoints without a model call have no use for it.
        render_error: renders the body of an HTTP error.
        error_headers: returns the response headers of an HTTP error.
        headers: the constant headers of every response of a model endpoint.
        duration_header: the name of the header with the milliseconds from the request to the response; b"" for none.
        done: the last SSE data of a stream, sent unnamed after all choices have ended, and not after a
            failure; b"" for none.
    """

    name: str
    decode: Callable[[bytes, RequestOptions], PendingRequest] = decode_nothing
    render_error: Callable[[Fault], bytes]
    error_headers: Callable[[Fault], Headers]
    headers: Headers = ()
    duration_header: bytes = b""
    done: bytes = b""
