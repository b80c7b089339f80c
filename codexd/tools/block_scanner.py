"""Finds blocks in a text that arrives in pieces, without losing, repeating or needlessly holding a character.

A block extends from an opening to the first closing after it. It is plain text in these cases:

- Another block of its pattern opens inside it; scanning continues at that opening.
- It is longer than the limit; scanning continues after its opening.
- Its parser finds it malformed.
- The text ends before it does.

The result does not depend on how the text is cut into pieces.
"""

from collections.abc import Callable
from typing import Final

from codexd.neutral.records import frozen
from codexd.tools.block_parser import ParsedBlock
from codexd.tools.block_patterns import DEFAULT_PATTERNS, BlockPattern, BlockPatterns

Count = Callable[[str], None]
"""Counts an entry of `codexd.observe.metrics.COUNTERS`."""

BLOCK_STARTED: Final = "tool_block_started"
BLOCK_PARSED: Final = "tool_block_parsed"
BLOCK_REJECTED: Final = "tool_block_rejected"


@frozen
class TextPiece:
    """Text outside of blocks."""

    source: str


@frozen
class BlockPiece:
    """A whole block: its text and the parsed call."""

    source: str
    block: ParsedBlock


ScannedPiece = TextPiece | BlockPiece


def ignore_count(_: str) -> None:
    """Count nothing."""


@frozen
class ScanOptions:
    """The options of a scanner.

    Attributes:
        patterns: the patterns to find.
        max_characters: the largest size of a block.
        count: counts the blocks that started, were whole, or turned out to be text.
    """

    patterns: BlockPatterns = DEFAULT_PATTERNS
    max_characters: int = 2**20
    count: Count = ignore_count


DEFAULT_SCAN: Final = ScanOptions()


class BlockScanner:
    """Scans one text.

    It holds back only the beginning of a block, or the end of the text if that may be the beginning of one.
    """

    def __init__(self, options: ScanOptions = DEFAULT_SCAN) -> None:
        self._patterns = options.patterns
        self._limit = options.max_characters
        self._count = options.count
        self._pieces: list[ScannedPiece] = []
        self._pattern: BlockPattern | None = None
        self._held: list[str] = []
        self._held_size = 0
        self._held_end = ""  # the end of the held text inside a block: a closing may have begun in it

    @property
    def is_holding(self) -> bool:
        """Whether the scanner holds back text."""
        return bool(self._held)

    def feed(self, text: str) -> list[ScannedPiece]:
        """Scan the next piece of the text; return what is now certain."""
        while text:
            pattern = self._pattern
            text = self._scan_outside(text) if pattern is None else self._scan_block(pattern, text)
        return self._take_pieces()

    def finish(self) -> list[ScannedPiece]:
        """End the text and return the rest; an unfinished block is text."""
        if self._pattern is not None:
            self._count(BLOCK_REJECTED)
        self._add_text(self._take_held())
        return self._take_pieces()

    def _scan_outside(self, text: str) -> str:
        """Look for an opening; return the text after it."""
        text = self._take_held() + text
        opening = self._patterns.openings.search(text)
        if opening is None:
            certain = len(text) - self._patterns.partial_opening_size(text)
            self._add_text(text[:certain])
            self._hold(text[certain:])
            return ""
        self._add_text(text[: opening.start()])
        assert opening.lastindex is not None
        self._open_block(self._patterns.patterns[opening.lastindex - 1])
        return text[opening.end() :]

    def _scan_block(self, pattern: BlockPattern, text: str) -> str:
        """Look for the end of the block; return the text after it."""
        body = self._held_end + text
        before = self._held_size - len(self._held_end)
        end = pattern.end_expression.search(body, 0, max(0, self._limit - before))
        if end is None and before + len(body) < self._limit:
            self._hold(text)
            self._held_end = body[-max(len(pattern.opening), len(pattern.closing)) :]
            return ""
        whole = self._take_held() + text
        if end is None:
            return self._abort_block(whole, len(pattern.opening))
        if end["closing"] is None:
            return self._abort_block(whole, before + end.start())
        self._close_block(pattern, whole[: before + end.end()])
        return whole[before + end.end() :]

    def _open_block(self, pattern: BlockPattern) -> None:
        self._count(BLOCK_STARTED)
        self._pattern = pattern
        self._hold(pattern.opening)

    def _close_block(self, pattern: BlockPattern, source: str) -> None:
        block = pattern.parse(source)
        self._count(BLOCK_REJECTED if block is None else BLOCK_PARSED)
        if block is None:
            self._add_text(source)
        else:
            self._pieces.append(BlockPiece(source, block))

    def _abort_block(self, whole: str, size: int) -> str:
        """Treat the first `size` characters of a failed block as text; return the rest for another scan."""
        self._count(BLOCK_REJECTED)
        self._add_text(whole[:size])
        return whole[size:]

    def _hold(self, text: str) -> None:
        if text:
            self._held.append(text)
            self._held_size += len(text)

    def _take_held(self) -> str:
        held = "".join(self._held)
        self._held.clear()
        self._held_size, self._held_end, self._pattern = 0, "", None
        return held

    def _add_text(self, text: str) -> None:
        if not text:
            return
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, TextPiece):
            self._pieces[-1] = TextPiece(last.source + text)
        else:
            self._pieces.append(TextPiece(text))

    def _take_pieces(self) -> list[ScannedPiece]:
        pieces, self._pieces = self._pieces, []
        return pieces
