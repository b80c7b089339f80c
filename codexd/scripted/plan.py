"""What the scripted model is going to do: the values between the script and the dialects that speak it."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Protocol, TypeAlias

from attrs import field, frozen

_DIGITS = {"call": 24}
"""How many hexadecimal digits follow a prefix, where they are not 48; OpenAI's call ids have 24."""


@frozen
class Message:
    """An assistant message, already cut into the deltas that carry it."""

    pieces: tuple[str, ...]
    pause_seconds: float = 0.0
    """The wait between two deltas."""
    source: str | None = None
    """A URL that the whole text is said to come from (OpenAI's `url_citation`)."""
    refused: bool = False
    """It says why there is no answer (OpenAI's `refusal`)."""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


@frozen
class Thought:
    """A reasoning item with one summary part, cut into deltas."""

    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole summary."""
        return "".join(self.pieces)


@frozen
class Call:
    """A tool call; its arguments (a custom tool's input) are cut into deltas."""

    name: str
    pieces: tuple[str, ...]
    custom: bool = False
    namespace: str | None = None

    @property
    def arguments(self) -> str:
        """The arguments text, verbatim."""
        return "".join(self.pieces)


@frozen
class Search:
    """A web search, run where the model is."""

    query: str
    pieces: tuple[str, ...] = ()
    """None: a search has no deltas."""


Step: TypeAlias = Message | Thought | Call | Search
"""One output item."""


@frozen
class Completed:
    """The answer ends well."""


@frozen
class Incomplete:
    """The answer is cut short honestly; `reason` is OpenAI's `incomplete_details.reason`."""

    reason: str


@frozen
class Failed:
    """The answer fails after it began; `code` is the error code of `response.failed`."""

    code: str


@frozen
class Refused:
    """There is no answer, only an HTTP status."""

    status: int


@frozen
class Cut:
    """The connection is closed in the middle of the last item."""


@frozen
class Garbled:
    """In the middle of the last item comes an event that is no JSON, and then the orderly end."""


@frozen
class Silent:
    """Nothing more comes and the connection stays open, in the middle of the last item if there is one."""


Ending: TypeAlias = Completed | Incomplete | Failed | Refused | Cut | Garbled | Silent


@frozen
class Usage:
    """Token figures as in OpenAI's `usage`: cached ones are among the input, reasoning among the output."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


@frozen
class Plan:
    """One whole answer."""

    steps: tuple[Step, ...]
    ending: Ending
    usage: Usage
    seed: str = field(repr=False)
    """What the ids are made from: the digest of the request's input and the round of tool results."""
    pace_seconds: float = 0.0
    """The wait between two frames."""

    def identifier(self, prefix: str, position: int = 0) -> str:
        """Name something in this answer: the same request always gives the same name."""
        digest = sha256(f"{self.seed}/{prefix}/{position}".encode()).hexdigest()
        return f"{prefix}_{digest[: _DIGITS.get(prefix, 48)]}"

    @property
    def pauses_seconds(self) -> float:
        """How long the waits between deltas are together: what an answer that is not streamed takes."""
        messages = (step for step in self.steps if isinstance(step, Message) and step.pause_seconds)
        return sum(step.pause_seconds * (len(step.pieces) - 1) for step in messages if step.pieces)

    @property
    def unfinished(self) -> bool:
        """Whether the answer stops without an end."""
        return isinstance(self.ending, Cut | Garbled | Silent)

    def leaves_open(self, position: int) -> bool:
        """Whether the item at `position` is never finished."""
        return self.unfinished and position == len(self.steps) - 1


@frozen
class Pause:
    """A wait between two frames."""

    seconds: float


Frame: TypeAlias = bytes | Pause


def spaced(step: Step) -> Iterator[str | Pause]:
    """Give a step's deltas with the waits between them."""
    seconds = step.pause_seconds if isinstance(step, Message) else 0.0
    if not seconds:
        yield from step.pieces
        return
    for position, piece in enumerate(step.pieces):
        if position:
            yield Pause(seconds)
        yield piece


class Answer(Protocol):
    """A plan in one dialect. It is spoken once: either as frames or whole."""

    @property
    def plan(self) -> Plan:
        """What is being said."""

    @property
    def streamed(self) -> bool:
        """Whether the client asked for server-sent events."""

    def frames(self) -> Iterator[Frame]:
        """The server-sent events, in order, with the waits the script wants between them."""

    def whole(self) -> bytes:
        """The JSON body of the answer that is not streamed."""
