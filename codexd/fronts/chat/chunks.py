"""What the streams of Chat and of legacy Completions are made of: chunks of choices, usage, one end.

The frame around a text is the same for every piece of it: it is written once, with a hole for the text.
"""

from collections.abc import Callable
from typing import Final

from codexd.fronts import errors
from codexd.fronts.chat.answer import usage_object
from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault
from codexd.wire import json, sse
from codexd.wire.json import Json

KEEPALIVE: Final = sse.comment(b"keep-alive")
"""A comment, which resets a client's idle timer and means nothing."""

_MARK: Final = b"\0"
HOLE: Final = json.fragment(_MARK)
"""Where a text goes; JSON never holds a raw NUL."""

_DONE: Final = sse.frame(b"[DONE]")

Frame = tuple[bytes, bytes]
"""What stands before and after a hole."""


class Chunks:
    """Writes the chunks of one stream.

    After a failure of any choice nothing more is to be written: neither a finish nor `[DONE]`, so that no
    client takes the answer for a whole one.

    Args:
        choices: how many there are.
        include_usage: a chunk with what all choices cost comes before the end.
        envelope: writes what a chunk is around its choices.

    Attributes:
        over: the end was written.
    """

    def __init__(
        self, choices: int, include_usage: bool, envelope: Callable[[Json], dict[str, Json]]
    ) -> None:
        self.over = False
        self._left = choices
        self._include_usage = include_usage
        self._envelope = envelope
        self._usages: list[Usage] = []

    def write(self, choices: Json, usage: Json = None) -> bytes:
        """Give one chunk."""
        counted = {"usage": usage} if self._include_usage else {}
        return sse.frame(json.encode({**self._envelope(choices), **counted}))

    def around(self, choices: Json) -> Frame:
        """Give what stands around the hole in a chunk."""
        before, _, after = self.write(choices).partition(_MARK)
        return before, after

    def count(self, usage: Usage) -> None:
        """Note what a choice cost."""
        self._usages.append(usage)

    def finished(self) -> list[bytes]:
        """Give what follows a choice's finish: with the last one the stream is whole."""
        self._left -= 1
        if self._left:
            return []
        self.over = True
        usage = [self.write([], usage_object(self._usages))] if self._include_usage else []
        return [*usage, _DONE]

    def failed(self, fault: Fault) -> list[bytes]:
        """Give what a failure is told as; nothing comes after it."""
        self.over = True
        return [sse.frame(errors.render(fault))]
