"""Chunks of Chat and legacy Completions streams: choices, usage, the end of the stream.

The JSON around a text is the same for every delta, so it is encoded once, with a placeholder for the text.
"""

from collections.abc import Callable
from typing import Final

from codexd.fronts import errors
from codexd.fronts.chat.objects import build_usage
from codexd.fronts.dialect import StreamEvent
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault
from codexd.wire import json
from codexd.wire.json import Json

_PLACEHOLDER_BYTE: Final = b"\0"
PLACEHOLDER: Final = json.fragment(_PLACEHOLDER_BYTE)
"""The placeholder for a text; JSON never contains a raw NUL."""

ChunkTemplate = tuple[bytes, bytes]
"""The bytes before and after a placeholder."""


class ChunkEncoder:
    """Encodes the chunks of one stream.

    After a failure of any choice nothing more may be written, not even a finish, so that no client mistakes
    the response for a complete one.

    Args:
        choices: the number of choices.
        include_usage: a chunk with the usage of all choices precedes the end.
        envelope: builds a chunk around its choices.

    Attributes:
        ended: the end was written.
    """

    def __init__(self, choices: int, include_usage: bool, envelope: Callable[[Json], dict[str, Json]]) -> None:
        self.ended = False
        self._open_choices = choices
        self._include_usage = include_usage
        self._envelope = envelope
        self._usages: list[Usage] = []

    def encode(self, choices: Json, usage: Json = None) -> StreamEvent:
        """Encode one chunk."""
        counted = {"usage": usage} if self._include_usage else {}
        return b"", json.encode({**self._envelope(choices), **counted})

    def split_template(self, choices: Json) -> ChunkTemplate:
        """Encode one chunk and split it at its placeholder."""
        _, chunk = self.encode(choices)
        head, _, tail = chunk.partition(_PLACEHOLDER_BYTE)
        return head, tail

    def add_usage(self, usage: Usage) -> None:
        """Add the usage of a choice."""
        self._usages.append(usage)

    def finish_choice(self) -> list[StreamEvent]:
        """Return the events after a choice's finish: with the last choice the stream is complete."""
        self._open_choices -= 1
        if self._open_choices:
            return []
        self.ended = True
        return [self.encode([], build_usage(self._usages))] if self._include_usage else []

    def fail(self, fault: Fault) -> list[StreamEvent]:
        """Return the event of a failure; nothing follows it."""
        self.ended = True
        return [(b"", errors.render_error(fault))]
