"""Encoder of streamed Chat responses."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from codexd.fronts.chat.chunks import PLACEHOLDER, ChunkEncoder, ChunkTemplate
from codexd.fronts.chat.item_serializer import ItemDelta, ItemSerializer
from codexd.fronts.chat.objects import (
    PARAGRAPH,
    ChatOutputOptions,
    build_annotation,
    build_envelope,
    build_logprobs,
)
from codexd.fronts.chat.provider_state import build_state_delta
from codexd.fronts.dialect import ResponseIdentity, StreamEvent
from codexd.neutral import event as e
from codexd.neutral.event import TextDelta
from codexd.neutral.turn import JsonText
from codexd.wire.json import Json, decode, encode
from codexd.wire.provider_state import ProviderState, decode_state

PartKey = tuple[int, type, int]
"""Item, kind and number of one part of the reasoning."""


class _ChatChoice:
    """The state of one choice: its chunk templates and the order of its items.

    Attributes:
        current_message: the message whose text was written last.
        content_offset: how many characters of `content` precede that message.
        text_parts: the deltas of that message's text.
        annotations: written at the end, as a second list of them is an error for the SDKs.
        call_numbers: the positions of the calls by their ids.
        calls_with_state: the ids of the calls that were opened with their state.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.text: ChunkTemplate = (b"", b"")
        self.messages: ItemSerializer[int] = ItemSerializer()
        self.current_message: int | None = None
        self.content_offset = 0
        self.annotations: list[Json] = []
        self.text_parts: list[str] = []
        self.parts: ItemSerializer[PartKey] = ItemSerializer()
        self.open_parts: set[PartKey] = set()
        self.shown_part: PartKey | None = None
        self.calls: dict[int, ChunkTemplate | None] = {}
        self.call_numbers: dict[str, int] = {}
        self.calls_with_state: set[str] = set()

    def switch_to(self, message: int) -> None:
        """Make this message the current one."""
        if message != self.current_message:
            self.current_message = message
            self.content_offset += sum(map(len, self.text_parts))
            self.text_parts.clear()


class ChatEncoder:
    """Encodes one streamed response (`codexd.fronts.dialect.Encoder`).

    The events of every choice are one grammatical sentence. After a failure of any choice nothing more is
    written.
    """

    reads_folds = False

    def __init__(self, choices: int, output_options: ChatOutputOptions, identity: ResponseIdentity) -> None:
        self._output_options = output_options
        self._choices = [_ChatChoice(index) for index in range(choices)]
        self._chunks = ChunkEncoder(
            choices,
            output_options.include_usage,
            partial(build_envelope, "chat.completion.chunk", output_options, identity),
        )
        self._begun = False
        for choice in self._choices:
            choice.text = self._split_template(choice, {"content": PLACEHOLDER})

    def feed(self, event: e.Event, choice: int = 0) -> list[StreamEvent]:
        """Return the stream events of this event; possibly none."""
        if self._chunks.ended:
            return []
        one = self._choices[choice]
        if type(event) is not TextDelta or event.logprobs is not None or event.index != one.messages.current:
            return _WRITES[type(event)](self, one, event)
        # The hot path: one encoding and one concatenation.
        text = event.text
        if not text:
            return []
        one.text_parts.append(text)
        head, tail = one.text
        return [(b"", head + encode(text) + tail)]

    def keep_alive(self) -> None:
        """Return None: the dialect has no such event."""

    # Chunks.

    def _delta(
        self, choice: _ChatChoice, delta: Json, finish: str | None = None, tokens: JsonText | None = None
    ) -> StreamEvent:
        return self._chunks.encode([_build_choice(choice, delta, finish, tokens)])

    def _split_template(self, choice: _ChatChoice, delta: Json) -> ChunkTemplate:
        return self._chunks.split_template([_build_choice(choice, delta)])

    # Messages.

    def _began(self, choice: _ChatChoice, event: e.Began) -> list[StreamEvent]:
        """Open all choices with the first: SDKs find a choice by its position in the list of opened ones."""
        begun, self._begun = self._begun, True
        opening = {"role": "assistant", "content": ""}
        return [] if begun else [self._delta(one, opening) for one in self._choices]

    def _message_opened(self, choice: _ChatChoice, event: e.MessageOpened) -> list[StreamEvent]:
        choice.messages.open(event.index)
        if choice.messages.current == event.index:
            choice.switch_to(event.index)
        return []

    def _write_or_queue(
        self, choice: _ChatChoice, event: e.TextDelta | e.RefusalDelta | e.Annotated
    ) -> list[StreamEvent]:
        if event.index != choice.messages.current:
            choice.messages.queue(event.index, event)
            return []
        return self._write_deltas(choice, [event])

    def _message_closed(self, choice: _ChatChoice, event: e.MessageClosed) -> list[StreamEvent]:
        events = self._write_deltas(choice, choice.messages.close(event.index))
        if choice.messages.current is not None:
            choice.switch_to(choice.messages.current)
        return events

    def _write_deltas(self, choice: _ChatChoice, due: Iterable[ItemDelta]) -> list[StreamEvent]:
        """Write deltas of the current item."""
        return [written for event in due for written in self._write_delta(choice, event)]

    def _write_delta(self, choice: _ChatChoice, event: ItemDelta) -> list[StreamEvent]:
        """Write one delta, unless it is empty."""
        delta = _DELTAS[type(event)](choice, event)
        tokens = event.logprobs if isinstance(event, e.TextDelta) else None
        return [self._delta(choice, delta, tokens=tokens)] if delta else []

    # Reasoning.

    def _write_reasoning(self, choice: _ChatChoice, event: e.SummaryDelta | e.ThoughtDelta) -> list[StreamEvent]:
        """Write a delta of one part; a part ends where the next of its kind begins, or with its item."""
        if not self._output_options.show_reasoning:
            return []
        key = (event.index, type(event), event.part)
        events = [] if key in choice.open_parts else self._open_part(choice, key)
        if key != choice.parts.current:
            choice.parts.queue(key, event)
            return events
        return events + self._write_deltas(choice, [event])

    def _open_part(self, choice: _ChatChoice, key: PartKey) -> list[StreamEvent]:
        choice.open_parts.add(key)
        choice.parts.open(key)
        index, kind, part = key
        return self._close_part(choice, (index, kind, part - 1)) if part else []

    def _close_part(self, choice: _ChatChoice, key: PartKey) -> list[StreamEvent]:
        choice.open_parts.remove(key)
        return self._write_deltas(choice, choice.parts.close(key))

    def _reasoning_closed(self, choice: _ChatChoice, event: e.ReasoningClosed) -> list[StreamEvent]:
        over = [key for key in choice.open_parts if key[0] == event.index]
        written = [written for key in over for written in self._close_part(choice, key)]
        state = None if event.encrypted is None else decode_state(event.encrypted)
        return written if state is None else written + self._write_state(choice, state)

    def _write_state(self, choice: _ChatChoice, state: ProviderState) -> list[StreamEvent]:
        shown, show_reasoning = choice.calls_with_state, self._output_options.show_reasoning
        delta = build_state_delta(state, choice.call_numbers, shown, show_reasoning)
        return [self._delta(choice, delta)] if delta else []

    # Calls.

    def _call_opened(self, choice: _ChatChoice, event: e.CallOpened) -> list[StreamEvent]:
        number = len(choice.calls)
        if self._output_options.legacy_functions:
            return self._legacy_opened(choice, event)
        rest = {"index": number, **self._output_options.build_call_body(event.kind, {}, PLACEHOLDER)}
        choice.calls[event.index] = self._split_template(choice, {"tool_calls": [rest]})
        first = {
            "index": number,
            **self._output_options.build_call(event.kind, event.call_id, event.name, ""),
        }
        choice.call_numbers[event.call_id] = number
        if event.state is not None:
            # Some clients read the state of a call only where it opens.
            first |= decode(event.state)
            choice.calls_with_state.add(event.call_id)
        return [self._delta(choice, {"tool_calls": [first]})]

    def _legacy_opened(self, choice: _ChatChoice, event: e.CallOpened) -> list[StreamEvent]:
        """Open the deprecated `function_call`, which has no room for a second call."""
        if choice.calls:
            choice.calls[event.index] = None
            return []
        choice.calls[event.index] = self._split_template(choice, {"function_call": {"arguments": PLACEHOLDER}})
        return [self._delta(choice, {"function_call": {"name": event.name, "arguments": ""}})]

    def _write_arguments(self, choice: _ChatChoice, event: e.CallDelta) -> list[StreamEvent]:
        template = choice.calls[event.index]
        if template is None:
            return []
        head, tail = template
        return [(b"", head + encode(event.text) + tail)]

    # Ends.

    def _ignore(self, choice: _ChatChoice, event: e.Event) -> list[StreamEvent]:
        return []

    def _add_usage(self, choice: _ChatChoice, event: e.UsageReported) -> list[StreamEvent]:
        self._chunks.add_usage(event.usage)
        return []

    def _ended(self, choice: _ChatChoice, event: e.Ended) -> list[StreamEvent]:
        """Finish a choice; with the last one the stream is complete."""
        annotations = [self._delta(choice, {"annotations": choice.annotations})] if choice.annotations else []
        finish = self._delta(choice, {}, self._output_options.finish_reason(event.finish))
        return [*annotations, finish, *self._chunks.finish_choice()]

    def _failed(self, choice: _ChatChoice, event: e.Failed) -> list[StreamEvent]:
        return self._chunks.fail(event.fault)


def _build_choice(choice: _ChatChoice, delta: Json, finish: str | None = None, tokens: JsonText | None = None) -> Json:
    return {
        "index": choice.index,
        "delta": delta,
        "logprobs": build_logprobs(tokens),
        "finish_reason": finish,
    }


def _content_delta(choice: _ChatChoice, event: e.TextDelta) -> Json:
    choice.switch_to(event.index)
    choice.text_parts.append(event.text)
    return {"content": event.text} if event.text or event.logprobs else {}


def _collect_annotation(choice: _ChatChoice, event: e.Annotated) -> Json:
    choice.switch_to(event.index)
    annotation = build_annotation(event.annotation, choice.content_offset)
    choice.annotations += [] if annotation is None else [annotation]
    return {}


def _refusal_delta(choice: _ChatChoice, event: e.RefusalDelta) -> Json:
    return {"refusal": event.text} if event.text else {}


def _reasoning_delta(choice: _ChatChoice, event: e.SummaryDelta | e.ThoughtDelta) -> Json:
    """Build a reasoning delta, after a blank line if it begins another part than the last one shown."""
    if not event.text:
        return {}
    key = (event.index, type(event), event.part)
    begins = choice.shown_part not in (None, key)
    choice.shown_part = key
    return {"reasoning_content": PARAGRAPH + event.text if begins else event.text}


_DELTAS: Final[dict[type, Callable[[_ChatChoice, Any], Json]]] = {
    e.TextDelta: _content_delta,
    e.Annotated: _collect_annotation,
    e.RefusalDelta: _refusal_delta,
    e.SummaryDelta: _reasoning_delta,
    e.ThoughtDelta: _reasoning_delta,
}

_WRITES: Final[dict[type, Callable[[ChatEncoder, _ChatChoice, Any], list[StreamEvent]]]] = {
    e.Began: ChatEncoder._began,
    e.MessageOpened: ChatEncoder._message_opened,
    e.TextDelta: ChatEncoder._write_or_queue,
    e.Annotated: ChatEncoder._write_or_queue,
    e.RefusalDelta: ChatEncoder._write_or_queue,
    e.MessageClosed: ChatEncoder._message_closed,
    e.ReasoningOpened: ChatEncoder._ignore,
    e.SummaryDelta: ChatEncoder._write_reasoning,
    e.ThoughtDelta: ChatEncoder._write_reasoning,
    e.ReasoningClosed: ChatEncoder._reasoning_closed,
    e.CallOpened: ChatEncoder._call_opened,
    e.CallDelta: ChatEncoder._write_arguments,
    e.CallClosed: ChatEncoder._ignore,
    e.SearchOpened: ChatEncoder._ignore,
    e.SearchClosed: ChatEncoder._ignore,
    e.CompactionOpened: ChatEncoder._ignore,
    e.CompactionClosed: ChatEncoder._ignore,
    e.UsageReported: ChatEncoder._add_usage,
    e.Ended: ChatEncoder._ended,
    e.Failed: ChatEncoder._failed,
}
