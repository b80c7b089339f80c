"""Repairs texts with lone surrogates: rejoins characters that a stream splits between two chunks.

A half at the end of a text waits for the next text of the same kind. Any other half becomes U+FFFD.
"""

from collections.abc import Iterable

from attrs import evolve

from codexd.backs.chat import chunk_parts as c
from codexd.wire.surrogates import REPLACEMENT, ends_with_high, join_halves

_TextPart = c.ChunkText | c.ChunkReasoning | c.ChunkRefusal | c.ChunkToolCall


class DamagedTextRepairer:
    """Repairs the parts of one response, in order."""

    def __init__(self) -> None:
        self._half = ""
        self._owner: _TextPart | None = None

    def repair(self, parts: Iterable[c.ChunkPart]) -> list[c.ChunkPart]:
        """Return the parts with repaired texts; a half at the end of the last one is added later."""
        repaired: list[c.ChunkPart] = []
        for part in parts:
            if isinstance(part, _TextPart):
                repaired += self._repair_text(part)
            elif isinstance(part, c.ChunkUsage | c.ChunkCitations | c.ChunkState):
                repaired.append(part)
            elif not isinstance(part, c.ChunkDamaged):
                repaired += [*self.finish(), part]
        return repaired

    def finish(self) -> list[c.ChunkPart]:
        """Return the part that replaces a half whose other half did not arrive."""
        owner, self._owner, self._half = self._owner, None, ""
        return [] if owner is None else [_continuation(owner, REPLACEMENT)]

    def _repair_text(self, part: _TextPart) -> list[c.ChunkPart]:
        before = [] if self._owner is None or _continues(self._owner, part) else self.finish()
        text = self._half + _text_of(part)
        self._owner, self._half = None, ""
        if ends_with_high(text):
            self._owner, self._half, text = part, text[-1], text[:-1]
        return [*before, _with_text(part, join_halves(text))]


def _continues(owner: _TextPart, part: _TextPart) -> bool:
    if isinstance(owner, c.ChunkToolCall) and isinstance(part, c.ChunkToolCall):
        return part.index == owner.index and part.id in ("", owner.id)
    return type(owner) is type(part)


def _text_of(part: _TextPart) -> str:
    return part.arguments if isinstance(part, c.ChunkToolCall) else part.text


def _continuation(part: _TextPart, text: str) -> c.ChunkPart:
    if isinstance(part, c.ChunkToolCall):
        return c.ChunkToolCall(index=part.index, choice=part.choice, id=part.id, arguments=text)
    return type(part)(text)


def _with_text(part: _TextPart, text: str) -> c.ChunkPart:
    if not isinstance(part, c.ChunkToolCall):
        return evolve(part, text=text)
    return evolve(part, id=join_halves(part.id), name=join_halves(part.name), arguments=text)
