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
"""Counts an entry of `codexd.observe.metric_tables.COUNTERS`."""

BLOCK_STARTED: Final = "tool_buffer_started"
BLOCK_PARSED: Final = "tool_buffer_flushed"
BLOCK_REJECTED: Final = "tool_buffer_aborted"


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

    It holds back only the beginning of a block, or the end of the text if that may be the beginning of one. Its time
    is linear in the text, whatever the text is: it moves a position, and copies what it returns or holds.
    """

    def __init__(self, options: ScanOptions = DEFAULT_SCAN) -> None:
        self._patterns = options.patterns
        self._limit = options.max_characters
        self._count = options.count
        self._pieces: list[ScannedPiece] = []
        self._text: list[str] = []  # outside of blocks, since the last block
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
        if text:
            self._scan(text)
        return self._take_pieces()

    def finish(self) -> list[ScannedPiece]:
        """End the text and return the rest; an unfinished block is text."""
        if self._pattern is not None:
            self._count(BLOCK_REJECTED)
        self._add_text(self._take_held())
        return self._take_pieces()

    def _scan(self, text: str) -> None:
        """Scan a piece that follows the held text."""
        start = 0  # of the block in the text, or of what is not scanned yet
        if self._pattern is None:
            text = self._take_held() + text
        else:
            if self._is_unfinished(self._pattern, text):
                return
            pattern, text = self._pattern, self._take_held() + text
            start = self._scan_block(pattern, text, 0)
        while start < len(text):
            opening = self._patterns.openings.search(text, start)
            if opening is None:
                certain = len(text) - self._patterns.partial_opening_size(text, start)
                self._add_text(text[start:certain])
                self._hold(text[certain:])
                return
            self._add_text(text[start : opening.start()])
            assert opening.lastindex is not None
            pattern = self._patterns.patterns[opening.lastindex - 1]
            self._count(BLOCK_STARTED)
            start = self._scan_block(pattern, text, opening.start())

    def _is_unfinished(self, pattern: BlockPattern, text: str) -> bool:
        """Return whether the held block continues after this piece of text, which is then held, too."""
        body, before = self._held_end + text, self._held_size - len(self._held_end)
        if before + len(body) >= self._limit or pattern.end_expression.search(body) is not None:
            return False
        self._hold(text)
        self._held_end = body[-max(len(pattern.opening), len(pattern.closing)) :]
        return True

    def _scan_block(self, pattern: BlockPattern, text: str, start: int) -> int:
        """Look for the end of the block that begins at a position; return where to continue.

        A block without an end is held: the result is the end of the text then.
        """
        inside = start + len(pattern.opening)
        end = pattern.end_expression.search(text, inside, min(start + self._limit, len(text)))
        if end is not None and end["closing"] is not None:
            self._close_block(pattern, text[start : end.end()])
            return end.end()
        if end is None and len(text) - start < self._limit:
            self._pattern = pattern
            self._hold(text[start:])
            self._held_end = text[max(inside, len(text) - max(len(pattern.opening), len(pattern.closing))) :]
            return len(text)
        failed = inside if end is None else end.start()
        self._count(BLOCK_REJECTED)
        self._add_text(text[start:failed])
        return failed

    def _close_block(self, pattern: BlockPattern, source: str) -> None:
        block = pattern.parse(source)
        self._count(BLOCK_REJECTED if block is None else BLOCK_PARSED)
        if block is None:
            self._add_text(source)
        else:
            self._end_text()
            self._pieces.append(BlockPiece(source, block))

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
        if text:
            self._text.append(text)

    def _end_text(self) -> None:
        if self._text:
            self._pieces.append(TextPiece("".join(self._text)))
            self._text.clear()

    def _take_pieces(self) -> list[ScannedPiece]:
        self._end_text()
        pieces, self._pieces = self._pieces, []
        return pieces
