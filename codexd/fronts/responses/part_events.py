"""A table of the texts that grow inside an item, and the stream events of each.

OpenAI's Responses stream has the same sequence for each kind of text: an added part (optional), deltas, the
complete text, the complete part. Only the names differ.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.fronts.responses import objects
from codexd.neutral import event as e
from codexd.neutral.records import frozen
from codexd.neutral.turn import JsonText, RefusalPart, TextPart
from codexd.wire.json import Json


@frozen
class PartEvents:
    """The events of the part around a text.

    Attributes:
        event: `response.<event>.added` and `response.<event>.done`.
        counter: the member that counts the parts of an item.
        empty: the part before its text.
        part: builds the part from the item in its current state.
    """

    event: bytes
    counter: bytes
    empty: Json
    part: Callable[[Any, int], Json]


@frozen(kw_only=True)
class TextEvents:
    """The events of one kind of growing text.

    Attributes:
        event: `response.<event>.delta` and `response.<event>.done`.
        done_member: the member of the done event that holds the complete text.
        text: returns that text from the item in its current state, by part.
        part_events: None where texts have no parts around them.
        logprobs: returns from the item the log probabilities that OpenAI's types require in both events.
    """

    event: bytes
    done_member: bytes
    text: Callable[[Any, int], str]
    part_events: PartEvents | None = None
    logprobs: Callable[[Any, int], JsonText | None] | None = None


def _text_of(message: Any, part: int) -> str:
    return str(message.parts[part].text)


def _summary_of(thought: Any, part: int) -> str:
    return str(thought.summary[part])


def _reasoning_of(thought: Any, part: int) -> str:
    return str(thought.content[part])


def _arguments_of(call: Any, part: int) -> str:
    return str(call.arguments)


def _logprobs_of(message: Any, part: int) -> JsonText | None:
    found: JsonText | None = message.parts[part].logprobs
    return found


def _text_part(message: Any, part: int) -> Json:
    return objects.build_part(message.parts[part])


def _summary_part(thought: Any, part: int) -> Json:
    return objects.build_summary_text(thought.summary[part])


def _reasoning_part(thought: Any, part: int) -> Json:
    return objects.build_reasoning_text(thought.content[part])


def _content_part(empty: Json, part: Callable[[Any, int], Json]) -> PartEvents:
    return PartEvents(b"content_part", b"content_index", empty, part)


_TEXT: Final = _content_part(objects.build_part(TextPart("")), _text_part)
_REFUSAL: Final = _content_part(objects.build_part(RefusalPart("")), _text_part)
_REASONING: Final = _content_part(objects.build_reasoning_text(""), _reasoning_part)
_SUMMARY: Final = PartEvents(b"reasoning_summary_part", b"summary_index", objects.build_summary_text(""), _summary_part)

TEXT_EVENTS: Final[dict[type, TextEvents]] = {
    e.TextDelta: TextEvents(
        event=b"output_text", done_member=b"text", text=_text_of, part_events=_TEXT, logprobs=_logprobs_of
    ),
    e.RefusalDelta: TextEvents(event=b"refusal", done_member=b"refusal", text=_text_of, part_events=_REFUSAL),
    e.SummaryDelta: TextEvents(
        event=b"reasoning_summary_text", done_member=b"text", text=_summary_of, part_events=_SUMMARY
    ),
    e.ThoughtDelta: TextEvents(
        event=b"reasoning_text", done_member=b"text", text=_reasoning_of, part_events=_REASONING
    ),
}
CALL_EVENTS: Final = {
    "function": TextEvents(event=b"function_call_arguments", done_member=b"arguments", text=_arguments_of),
    "custom": TextEvents(event=b"custom_tool_call_input", done_member=b"input", text=_arguments_of),
}
