"""Finds blocks in a text that comes in pieces, and never loses, repeats or needlessly holds a character.

A block runs from an opening to the first closing after it. It is none, and so is text, if another block of
its pattern opens before (that one is looked at anew), if it is longer than the limit (what comes after its
opening is looked at anew), if its reader finds it malformed, or if it never ends. Nothing of this depends on
how the text is cut.
"""

from collections.abc import Callable
from typing import Final

from attrs import frozen

from codexd.tools.patterns import KNOWN, Pattern, Patterns
from codexd.tools.use import Use

Count = Callable[[str], None]
"""Counts something of `codexd.observe.metrics.COUNTERS`."""

STARTED: Final = "tool_buffer_started"
FLUSHED: Final = "tool_buffer_flushed"
ABORTED: Final = "tool_buffer_aborted"


@frozen
class Text:
    """Text that is no part of a block."""

    source: str


@frozen
class Block:
    """A whole block: as it was written, and what it says."""

    source: str
    use: Use


Piece = Text | Block


def uncounted(_: str) -> None:
    """Count nothing."""


class Scanner:
    """Follows one text.

    What is held, and not given yet, is the beginning of a block, or the end of the text that may be one's.
    """

    def __init__(self, scanning: "Scanning") -> None:
        self._patterns = scanning.patterns
        self._limit = scanning.limit
        self._count = scanning.count
        self._pieces: list[Piece] = []
        self._pattern: Pattern | None = None
        self._held: list[str] = []
        self._size = 0
        self._end = ""  # of what is held in a block: where its closing may have begun

    @property
    def holds(self) -> bool:
        """Whether anything was taken and not given."""
        return bool(self._held)

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of the text; give what is certain now."""
        while text:
            text = self._outside(text) if self._pattern is None else self._inside(self._pattern, text)
        return self._given()

    def finish(self) -> list[Piece]:
        """Give the rest: the text is over. A block without its end is text."""
        if self._pattern is not None:
            self._count(ABORTED)
        self._say(self._taken())
        return self._given()

    def _outside(self, text: str) -> str:
        """Look for an opening; give what comes after it."""
        text = self._taken() + text
        found = self._patterns.openings.search(text)
        if found is None:
            certain = len(text) - self._patterns.begun(text)
            self._say(text[:certain])
            self._hold(text[certain:])
            return ""
        self._say(text[: found.start()])
        assert found.lastindex is not None
        self._open(self._patterns.known[found.lastindex - 1])
        return text[found.end() :]

    def _inside(self, pattern: Pattern, text: str) -> str:
        """Look for what ends the block; give what comes after it."""
        body = self._end + text
        before = self._size - len(self._end)
        found = pattern.inner.search(body, 0, max(0, self._limit - before))
        if found is None and before + len(body) < self._limit:
            self._hold(text)
            self._end = body[-max(len(pattern.opening), len(pattern.closing)) :]
            return ""
        whole = self._taken() + text
        if found is None:
            return self._abort(whole, len(pattern.opening))
        if found["closing"] is None:
            return self._abort(whole, before + found.start())
        self._close(pattern, whole[: before + found.end()])
        return whole[before + found.end() :]

    def _open(self, pattern: Pattern) -> None:
        self._count(STARTED)
        self._pattern = pattern
        self._hold(pattern.opening)

    def _close(self, pattern: Pattern, source: str) -> None:
        use = pattern.read(source)
        self._count(ABORTED if use is None else FLUSHED)
        if use is None:
            self._say(source)
        else:
            self._pieces.append(Block(source, use))

    def _abort(self, whole: str, certain: int) -> str:
        """Give up a block: so much of it is text, and the rest is looked at anew."""
        self._count(ABORTED)
        self._say(whole[:certain])
        return whole[certain:]

    def _hold(self, text: str) -> None:
        if text:
            self._held.append(text)
            self._size += len(text)

    def _taken(self) -> str:
        held = "".join(self._held)
        self._held.clear()
        self._size, self._end, self._pattern = 0, "", None
        return held

    def _say(self, text: str) -> None:
        if not text:
            return
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, Text):
            self._pieces[-1] = Text(last.source + text)
        else:
            self._pieces.append(Text(text))

    def _given(self) -> list[Piece]:
        pieces, self._pieces = self._pieces, []
        return pieces


@frozen
class Scanning:
    """How texts are looked through.

    Attributes:
        patterns: what is looked for.
        limit: how many characters a block may have.
        count: counts blocks: begun, given whole, and given up.
    """

    patterns: Patterns = KNOWN
    limit: int = 2**20
    count: Count = uncounted

    def scanner(self) -> Scanner:
        """Look through another text."""
        return Scanner(self)


SCANNING: Final = Scanning()
"""How they are when nobody says otherwise."""
