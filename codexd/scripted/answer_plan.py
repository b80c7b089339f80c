"""The planned answer of the scripted model: the values that the script builds and the dialects render."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Protocol, TypeAlias

from attrs import field, frozen

_ID_DIGITS = {"call": 24}
"""The number of hexadecimal digits of an id by prefix; the default is 48. OpenAI's call ids have 24."""


@frozen
class ScriptedMessage:
    """An assistant message, already split into deltas."""

    deltas: tuple[str, ...]
    pause_seconds: float = 0.0
    """The delay between two deltas."""
    source: str | None = None
    """The URL that the whole text cites (OpenAI's `url_citation`)."""
    is_refusal: bool = False
    """Whether the text is a refusal (OpenAI's `refusal`)."""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.deltas)


@frozen
class ScriptedReasoning:
    """A reasoning item with one summary part, split into deltas."""

    deltas: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole summary."""
        return "".join(self.deltas)


@frozen
class ScriptedCall:
    """A tool call. Its arguments (a custom tool's input) are split into deltas."""

    name: str
    deltas: tuple[str, ...]
    custom: bool = False
    namespace: str | None = None

    @property
    def arguments(self) -> str:
        """The arguments text, verbatim."""
        return "".join(self.deltas)


@frozen
class ScriptedSearch:
    """A web search that the provider runs."""

    query: str
    deltas: tuple[str, ...] = ()
    """Always empty: a search has no deltas."""


ScriptedItem: TypeAlias = ScriptedMessage | ScriptedReasoning | ScriptedCall | ScriptedSearch
"""One output item."""


@frozen
class CompletedEnding:
    """The answer ends normally."""


@frozen
class IncompleteEnding:
    """The answer ends incomplete; `reason` is OpenAI's `incomplete_details.reason`."""

    reason: str


@frozen
class FailedEnding:
    """The answer fails after it has begun; `code` is the error code of `response.failed`."""

    code: str


@frozen
class RejectedEnding:
    """The request is rejected with an HTTP status; `code` is the error code, None for the usual one."""

    status: int
    code: str | None = None


@frozen
class DisconnectedEnding:
    """The connection is closed in the middle of the last item."""


@frozen
class GarbledEnding:
    """An event that is not JSON is sent in the middle of the last item; then the response ends normally."""


@frozen
class SilentEnding:
    """Nothing more is sent and the connection stays open, in the middle of the last item if there is one."""


Ending: TypeAlias = (
    CompletedEnding
    | IncompleteEnding
    | FailedEnding
    | RejectedEnding
    | DisconnectedEnding
    | GarbledEnding
    | SilentEnding
)


@frozen
class ScriptedUsage:
    """Token counts as in OpenAI's `usage`: cached tokens are part of the input, reasoning of the output."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int

    @property
    def total_tokens(self) -> int:
        """The sum of input and output tokens."""
        return self.input_tokens + self.output_tokens


@frozen(kw_only=True)
class AnswerPlan:
    """One planned answer."""

    items: tuple[ScriptedItem, ...]
    ending: Ending
    usage: ScriptedUsage
    seed: str = field(repr=False)
    """The seed of the ids: the digest of the request's input and the round of tool results."""
    pace_seconds: float = 0.0
    """The delay between two frames."""

    def make_id(self, prefix: str, position: int = 0) -> str:
        """Return an id for an object of this answer. The same request always has the same ids."""
        digest = sha256(f"{self.seed}/{prefix}/{position}".encode()).hexdigest()
        return f"{prefix}_{digest[: _ID_DIGITS.get(prefix, 48)]}"

    @property
    def total_pause_seconds(self) -> float:
        """The sum of the delays between deltas: the duration of an answer that is not streamed."""
        messages = (item for item in self.items if isinstance(item, ScriptedMessage) and item.pause_seconds)
        return sum(item.pause_seconds * (len(item.deltas) - 1) for item in messages if item.deltas)

    @property
    def is_unfinished(self) -> bool:
        """Whether the answer stops without a normal end."""
        return isinstance(self.ending, DisconnectedEnding | GarbledEnding | SilentEnding)

    def is_left_open(self, position: int) -> bool:
        """Whether the item at `position` is never finished."""
        return self.is_unfinished and position == len(self.items) - 1


@frozen
class Pause:
    """A delay between two frames."""

    seconds: float


ScriptedFrame: TypeAlias = bytes | Pause


def iter_deltas(item: ScriptedItem) -> Iterator[str | Pause]:
    """Yield the deltas of an item with the delays between them."""
    seconds = item.pause_seconds if isinstance(item, ScriptedMessage) else 0.0
    if not seconds:
        yield from item.deltas
        return
    for position, delta in enumerate(item.deltas):
        if position:
            yield Pause(seconds)
        yield delta


class DialectAnswer(Protocol):
    """A planned answer in one dialect. It can be rendered once: either as frames or as one body."""

    @property
    def plan(self) -> AnswerPlan:
        """The planned answer."""

    @property
    def is_streamed(self) -> bool:
        """Whether the client requested server-sent events."""

    def frames(self) -> Iterator[ScriptedFrame]:
        """Yield the server-sent events in order, with the delays between them."""

    def render(self) -> bytes:
        """Return the JSON body of the answer that is not streamed."""
