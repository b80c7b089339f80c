"""The events of one turn: one choice of an answer. `grammar.py` defines their order.

`index` is the position of an item in the choice, from 0 in opening order (OpenAI Responses: `output_index`).
"""

from typing import Literal

from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.neutral.turn import CallKind, JsonText

Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@frozen(kw_only=True)
class Usage:
    """Token counts as the model's provider reported them; `estimated` if codexd estimated them instead.

    `cached_tokens` are part of `input_tokens`, `reasoning_tokens` part of `output_tokens`.
    """

    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """The sum of input and output tokens."""
        return self.input_tokens + self.output_tokens


@frozen
class Began:
    """The model has accepted the turn. A later failure is the end of a response that has begun."""


@frozen
class MessageOpened:
    """Opens an assistant message."""

    index: int
    id: str
    phase: str | None = None


@frozen
class TextDelta:
    """Appends text to an open message.

    `logprobs` is a non-empty JSON array of OpenAI's token entries if they were requested. The entries of the
    whole text are the concatenation of the entries of its deltas.
    """

    index: int
    text: str
    logprobs: JsonText | None = None


@frozen
class Annotated:
    """Adds an annotation (OpenAI's Responses object) to the text of an open message.

    Its offsets count characters of that message's text.
    """

    index: int
    annotation: JsonText


@frozen
class RefusalDelta:
    """Appends to the refusal of an open message. Follows all of the message's text."""

    index: int
    text: str


@frozen
class MessageClosed:
    """Closes a message. `complete` is False if it was truncated."""

    index: int
    complete: bool = True


@frozen
class ReasoningOpened:
    """Opens a reasoning item.

    `is_state`: it has no text, only the state of a Chat server (`codexd.wire.provider_state`). It opens before
    the calls that it belongs to close, so that a limit of calls does not lose it.
    """

    index: int
    id: str
    is_state: bool = False


@frozen
class SummaryDelta:
    """Appends to the reasoning summary; `part` numbers its paragraphs from 0 without gaps."""

    index: int
    part: int
    text: str


@frozen
class ThoughtDelta:
    """Appends to the unencrypted reasoning text; `part` is numbered as in SummaryDelta, separately."""

    index: int
    part: int
    text: str


@frozen
class ReasoningClosed:
    """Closes a reasoning item; `encrypted` is the encrypted content that clients send back.

    For an item with `is_state` it is the state.
    """

    index: int
    encrypted: str | None = None
    complete: bool = True


@frozen(kw_only=True)
class CallOpened:
    """Opens a call of one of the client's tools.

    `state` is a JSON object of opaque state that came with the call. The reasoning item that ends the answer
    contains it, too; it is here only for streams that show it with the call.
    """

    index: int
    id: str
    call_id: str
    name: str
    kind: CallKind = "function"
    namespace: str | None = None
    state: JsonText | None = None


@frozen
class CallDelta:
    """Appends to the call's arguments, or to a custom tool's input."""

    index: int
    text: str


@frozen
class CallClosed:
    """Closes a call. `complete` is False if its arguments were truncated."""

    index: int
    complete: bool = True


@frozen
class SearchOpened:
    """Opens a web search that the model's provider runs."""

    index: int
    id: str


@frozen
class SearchClosed:
    """Closes a search; `action` is OpenAI's object that describes it."""

    index: int
    action: JsonText | None = None
    complete: bool = True


@frozen
class CompactionOpened:
    """Opens the summary that stands for the history."""

    index: int
    id: str


@frozen
class CompactionClosed:
    """Closes a compaction with its whole summary; fields as in `codexd.neutral.turn.Compaction`."""

    index: int
    summary: str
    replaces_history: bool = False
    complete: bool = True


@frozen
class UsageReported:
    """Reports the token usage. At most once, immediately before the end."""

    usage: Usage


@frozen
class Ended:
    """Ends the turn normally. Every item is closed."""

    finish: Finish


@frozen
class Failed:
    """Ends the turn with a failure. Items may still be open."""

    fault: Fault


Opened = MessageOpened | ReasoningOpened | CallOpened | SearchOpened | CompactionOpened
Delta = TextDelta | RefusalDelta | SummaryDelta | ThoughtDelta | CallDelta
Closed = MessageClosed | ReasoningClosed | CallClosed | SearchClosed | CompactionClosed
Event = Began | Opened | Delta | Annotated | Closed | UsageReported | Ended | Failed
