"""What happens while a model answers. Which event may follow which is grammar.py's table.

`index` counts the answer's items from 0 in the order they opened (OpenAI Responses: `output_index`).
"""

from typing import Literal

from attrs import frozen

from codexd.neutral.fault import Fault
from codexd.neutral.turn import CallKind, JsonText

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@frozen
class Usage:
    """Tokens as the model's provider counted them; `estimated` when it could not be asked."""

    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Input and output together; the cached and reasoning ones are inside them."""
        return self.input_tokens + self.output_tokens


@frozen
class Began:
    """The model has taken the turn: from here on a failure is told inside the answer."""


@frozen
class MessageOpened:
    """An assistant message begins."""

    index: int
    id: str
    phase: str | None = None


@frozen
class TextDelta:
    """A piece of the open message's text.

    `logprobs` are OpenAI's token entries, where they were asked for: an array that is not empty. Those of a
    text are those of its pieces, one after the other.
    """

    index: int
    text: str
    logprobs: JsonText | None = None


@frozen
class Annotated:
    """Something was noted on the open message's text, by its own characters (OpenAI's Responses object)."""

    index: int
    annotation: JsonText


@frozen
class RefusalDelta:
    """A piece of the open message's refusal; it comes after all of its text."""

    index: int
    text: str


@frozen
class MessageClosed:
    """The message is whole, or was cut (`complete` False)."""

    index: int
    complete: bool = True


@frozen
class ReasoningOpened:
    """The model begins to think aloud."""

    index: int
    id: str


@frozen
class SummaryDelta:
    """A piece of the reasoning summary; `part` counts its paragraphs from 0 without gaps."""

    index: int
    part: int
    text: str


@frozen
class ThoughtDelta:
    """A piece of open reasoning text; `part` counts as in SummaryDelta, separately."""

    index: int
    part: int
    text: str


@frozen
class ReasoningClosed:
    """The thought is whole; `encrypted` is the sealed original that may be replayed."""

    index: int
    encrypted: str | None = None
    complete: bool = True


@frozen
class CallOpened:
    """The model begins to call a tool of the client's."""

    index: int
    id: str
    call_id: str
    name: str
    kind: CallKind = "function"
    namespace: str | None = None


@frozen
class CallDelta:
    """A piece of the call's arguments (or of a custom tool's input)."""

    index: int
    text: str


@frozen
class CallClosed:
    """The call's arguments are whole."""

    index: int
    complete: bool = True


@frozen
class SearchOpened:
    """The model's provider begins to search the web."""

    index: int
    id: str


@frozen
class SearchClosed:
    """The search is over; `action` is what it did (OpenAI's object)."""

    index: int
    action: JsonText | None = None
    complete: bool = True


@frozen
class UsageReported:
    """What the answer cost. At most once, and only the end follows."""

    usage: Usage


@frozen
class Ended:
    """The answer is over and honest: every item is closed."""

    finish: Finish


@frozen
class Failed:
    """The answer is over and broken; items may be left open."""

    fault: Fault


Opened = MessageOpened | ReasoningOpened | CallOpened | SearchOpened
Delta = TextDelta | RefusalDelta | SummaryDelta | ThoughtDelta | CallDelta
Closed = MessageClosed | ReasoningClosed | CallClosed | SearchClosed
Event = Began | Opened | Delta | Annotated | Closed | UsageReported | Ended | Failed
