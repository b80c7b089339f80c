"""What may grow inside an item, and the stream events that tell of it: one table.

OpenAI's Responses stream has the same story for each kind of text: perhaps a part is added, deltas, the whole
text, the whole part. Only the names differ.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from codexd.fronts.responses import answer
from codexd.neutral import event as e
from codexd.neutral.turn import JsonText, RefusalPart, TextPart
from codexd.wire.json import Json


@frozen
class Framing:
    """The part around a text.

    Attributes:
        event: `response.<event>.added` and `response.<event>.done`.
        counter: the member that counts the parts of an item.
        empty: the part before its text.
        part: reads the part from the item as it stands.
    """

    event: bytes
    counter: bytes
    empty: Json
    part: Callable[[Any, int], Json]


@frozen
class Strand:
    """One kind of growing text.

    Attributes:
        event: `response.<event>.delta` and `response.<event>.done`.
        whole: the member of the done event that holds the whole text.
        text: reads that text from the item as it stands, by part.
        framing: None where texts have no parts around them.
        logprobs: reads from the item what OpenAI's types want beside the text in both events.
    """

    event: bytes
    whole: bytes
    text: Callable[[Any, int], str]
    framing: Framing | None = None
    logprobs: Callable[[Any, int], JsonText | None] | None = None


def _said(message: Any, part: int) -> str:
    return str(message.parts[part].text)


def _summed(thought: Any, part: int) -> str:
    return str(thought.summary[part])


def _thought(thought: Any, part: int) -> str:
    return str(thought.content[part])


def _argued(call: Any, part: int) -> str:
    return str(call.arguments)


def _sureness(message: Any, part: int) -> JsonText | None:
    found: JsonText | None = message.parts[part].logprobs
    return found


def _said_part(message: Any, part: int) -> Json:
    return answer.said(message.parts[part])


def _summary_part(thought: Any, part: int) -> Json:
    return answer.summary_text(thought.summary[part])


def _thought_part(thought: Any, part: int) -> Json:
    return answer.reasoning_text(thought.content[part])


def _content(empty: Json, part: Callable[[Any, int], Json]) -> Framing:
    return Framing(b"content_part", b"content_index", empty, part)


_TEXT: Final = _content(answer.said(TextPart("")), _said_part)
_REFUSAL: Final = _content(answer.said(RefusalPart("")), _said_part)
_THOUGHT: Final = _content(answer.reasoning_text(""), _thought_part)
_SUMMARY: Final = Framing(b"reasoning_summary_part", b"summary_index", answer.summary_text(""), _summary_part)

STRANDS: Final[dict[type, Strand]] = {
    e.TextDelta: Strand(b"output_text", b"text", _said, _TEXT, _sureness),
    e.RefusalDelta: Strand(b"refusal", b"refusal", _said, _REFUSAL),
    e.SummaryDelta: Strand(b"reasoning_summary_text", b"text", _summed, _SUMMARY),
    e.ThoughtDelta: Strand(b"reasoning_text", b"text", _thought, _THOUGHT),
}
CALLS: Final = {
    "function": Strand(b"function_call_arguments", b"arguments", _argued),
    "custom": Strand(b"custom_tool_call_input", b"input", _argued),
}
