"""What may grow inside an item, and the stream events that tell of it: one table.

OpenAI's Responses stream has the same story for each kind of text: perhaps a part is added, deltas, the whole
text, the whole part. Only the names differ.
"""

from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from codexd.fronts.responses import answer
from codexd.neutral import event as e
from codexd.wire.json import Json


@frozen
class Framing:
    """The part around a text.

    Attributes:
        event: `response.<event>.added` and `response.<event>.done`.
        counter: the member that counts the parts of an item.
        part: gives the part that holds a text.
    """

    event: bytes
    counter: bytes
    part: Callable[[str], Json]


@frozen
class Strand:
    """One kind of growing text.

    Attributes:
        event: `response.<event>.delta` and `response.<event>.done`.
        whole: the member of the done event that holds the whole text.
        text: reads that text from the item as it stands, by part.
        framing: None where texts have no parts around them.
        extra: further members that OpenAI's types require of both events, as JSON.
    """

    event: bytes
    whole: bytes
    text: Callable[[Any, int], str]
    framing: Framing | None = None
    extra: bytes = b""


def _said(message: Any, part: int) -> str:
    return str(message.parts[part].text)


def _summed(thought: Any, part: int) -> str:
    return str(thought.summary[part])


def _thought(thought: Any, part: int) -> str:
    return str(thought.content[part])


def _argued(call: Any, part: int) -> str:
    return str(call.arguments)


def _content(part: Callable[[str], Json]) -> Framing:
    return Framing(b"content_part", b"content_index", part)


_SUMMARY: Final = Framing(b"reasoning_summary_part", b"summary_index", answer.summary_text)

STRANDS: Final[dict[type, Strand]] = {
    e.TextDelta: Strand(b"output_text", b"text", _said, _content(answer.output_text), b',"logprobs":[]'),
    e.RefusalDelta: Strand(b"refusal", b"refusal", _said, _content(answer.refusal)),
    e.SummaryDelta: Strand(b"reasoning_summary_text", b"text", _summed, _SUMMARY),
    e.ThoughtDelta: Strand(b"reasoning_text", b"text", _thought, _content(answer.reasoning_text)),
}
CALLS: Final = {
    "function": Strand(b"function_call_arguments", b"arguments", _argued),
    "custom": Strand(b"custom_tool_call_input", b"input", _argued),
}
