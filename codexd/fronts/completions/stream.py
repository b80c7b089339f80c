"""Encoder of streamed legacy responses."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from codexd.fronts.chat.chunks import PLACEHOLDER, ChunkEncoder, ChunkTemplate
from codexd.fronts.chat.item_serializer import ItemDelta, ItemSerializer
from codexd.fronts.completions.objects import (
    CompletionsOutputOptions,
    LogprobsWriter,
    build_choice,
    build_envelope,
)
from codexd.fronts.dialect import ResponseIdentity, StreamEvent
from codexd.neutral import event as e
from codexd.wire.json import encode


class _CompletionsChoice:
    """The state of one choice."""

    def __init__(self, index: int, echoed: str, template: ChunkTemplate) -> None:
        self.index = index
        self.echoed = echoed
        self.before, self.after = template
        self.logprobs_writer = LogprobsWriter(len(echoed))
        self.messages: ItemSerializer[int] = ItemSerializer()


class CompletionsEncoder:
    """Encodes one streamed response (`codexd.fronts.dialect.Encoder`).

    The events of every choice are one grammatical sentence, of which only the text is shown. After a failure
    of any choice nothing more is written.
    """

    reads_folds = False

    def __init__(self, output_options: CompletionsOutputOptions, identity: ResponseIdentity) -> None:
        self._chunks = ChunkEncoder(
            len(output_options.echoed), output_options.include_usage, partial(build_envelope, identity)
        )
        self._choices = [
            _CompletionsChoice(index, echoed, self._chunks.split_template([build_choice(index, PLACEHOLDER)]))
            for index, echoed in enumerate(output_options.echoed)
        ]

    def feed(self, event: e.Event, choice: int = 0) -> list[StreamEvent]:
        """Return the stream events of this event; possibly none."""
        if self._chunks.ended:
            return []
        write = _WRITES.get(type(event))
        return [] if write is None else write(self, self._choices[choice], event)

    def keep_alive(self) -> None:
        """Return None: the dialect has no such event."""

    def _write_text(self, choice: _CompletionsChoice, text: str) -> list[StreamEvent]:
        """Write a text delta, unless it is empty: one encoding and one concatenation."""
        return [(b"", choice.before + encode(text) + choice.after)] if text else []

    def _write_delta(self, choice: _CompletionsChoice, event: ItemDelta) -> list[StreamEvent]:
        """Write a delta of the current item; this dialect does not show annotations."""
        if isinstance(event, e.TextDelta) and event.logprobs is not None:
            weights = choice.logprobs_writer.write_logprobs(event.logprobs)
            return [self._chunks.encode([build_choice(choice.index, event.text, weights)])]
        return self._write_text(choice, event.text) if isinstance(event, e.TextDelta | e.RefusalDelta) else []

    def _began(self, choice: _CompletionsChoice, event: e.Began) -> list[StreamEvent]:
        return self._write_text(choice, choice.echoed)

    def _message_opened(self, choice: _CompletionsChoice, event: e.MessageOpened) -> list[StreamEvent]:
        choice.messages.open(event.index)
        return []

    def _write_or_queue(self, choice: _CompletionsChoice, event: e.TextDelta | e.RefusalDelta) -> list[StreamEvent]:
        if event.index != choice.messages.current:
            choice.messages.queue(event.index, event)
            return []
        return self._write_delta(choice, event)

    def _message_closed(self, choice: _CompletionsChoice, event: e.MessageClosed) -> list[StreamEvent]:
        return [written for late in choice.messages.close(event.index) for written in self._write_delta(choice, late)]

    def _add_usage(self, choice: _CompletionsChoice, event: e.UsageReported) -> list[StreamEvent]:
        self._chunks.add_usage(event.usage)
        return []

    def _ended(self, choice: _CompletionsChoice, event: e.Ended) -> list[StreamEvent]:
        """Finish a choice; with the last one the stream is complete."""
        finish = self._chunks.encode([build_choice(choice.index, "", finish=event.finish)])
        return [finish, *self._chunks.finish_choice()]

    def _failed(self, choice: _CompletionsChoice, event: e.Failed) -> list[StreamEvent]:
        return self._chunks.fail(event.fault)


# This dialect shows only text.
_WRITES: Final[dict[type, Callable[[CompletionsEncoder, _CompletionsChoice, Any], list[StreamEvent]]]] = {
    e.Began: CompletionsEncoder._began,
    e.MessageOpened: CompletionsEncoder._message_opened,
    e.TextDelta: CompletionsEncoder._write_or_queue,
    e.RefusalDelta: CompletionsEncoder._write_or_queue,
    e.MessageClosed: CompletionsEncoder._message_closed,
    e.UsageReported: CompletionsEncoder._add_usage,
    e.Ended: CompletionsEncoder._ended,
    e.Failed: CompletionsEncoder._failed,
}
