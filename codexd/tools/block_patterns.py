"""The patterns in which models write tool calls into their text: `<use_tool>` and registered ones."""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final

from attrs import field

from codexd.neutral.records import frozen
from codexd.tools.block_parser import CLOSING, OPENING, ParsedBlock, parse_block


@frozen(slots=False, kw_only=True)
class BlockPattern:
    """One way of writing a call: a block between two marks.

    Attributes:
        name: the name of the pattern.
        opening: the text with which a block begins.
        closing: the text with which it ends.
        parse: parses a whole block, marks included; returns None if it is malformed.
        follows: the characters one of which must follow the opening, as for a tag; any if it is empty.
    """

    name: str
    opening: str
    closing: str
    parse: Callable[[str], ParsedBlock | None]
    follows: str = ""

    @cached_property
    def opening_expression(self) -> str:
        """The opening as a regular expression."""
        return re.escape(self.opening) + (f"(?=[{re.escape(self.follows)}])" if self.follows else "")

    @cached_property
    def end_expression(self) -> "re.Pattern[str]":
        """Matches the end of a block: its closing, or the opening of another one."""
        return re.compile(f"(?P<closing>{re.escape(self.closing)})|{self.opening_expression}")

    def hides(self, other: "BlockPattern") -> bool:
        """Return whether this opening can match before it is known whether the other's, longer, follows."""
        position = other.opening.find(self.opening)
        if position != 0:
            return position > 0
        following = other.opening[len(self.opening) :][:1]
        return not self.follows or not following or following in self.follows


USE_TOOL: Final = BlockPattern(name="use_tool", opening=OPENING, closing=CLOSING, parse=parse_block, follows="> \t\r\n")
"""The pattern of Obsidian Copilot."""


def _check_unambiguous(_: object, __: object, patterns: tuple[BlockPattern, ...]) -> None:
    for pattern in patterns:
        if not pattern.opening or not pattern.closing or pattern.opening.find(pattern.closing) > 0:
            rule = "its marks must not be empty, and its opening may contain its closing only at the start"
            raise ValueError(f"pattern {pattern.name!r}: {rule}")
        for other in patterns:
            if other is not pattern and pattern.hides(other):
                names = f"{pattern.name!r} and {other.name!r}"
                raise ValueError(f"patterns {names} are ambiguous: the second opening contains the first")


@frozen(slots=False)
class BlockPatterns:
    """The patterns that a scanner looks for.

    Attributes:
        patterns: the patterns.

    Raises:
        ValueError: if the beginning of a block does not determine its pattern.
    """

    patterns: tuple[BlockPattern, ...] = field(default=(USE_TOOL,), validator=_check_unambiguous)

    def register(self, pattern: BlockPattern) -> "BlockPatterns":
        """Return these patterns and one more.

        Raises:
            ValueError: if the beginning of a block would not determine its pattern.
        """
        return BlockPatterns((*self.patterns, pattern))

    @cached_property
    def openings(self) -> "re.Pattern[str]":
        """Matches the opening of any pattern; the number of the group, minus one, is the pattern's index."""
        return re.compile("|".join(f"({pattern.opening_expression})" for pattern in self.patterns))

    def partial_opening_size(self, text: str, start: int = 0) -> int:
        """Return how many characters at the end of a text may be the beginning of an opening; none is after `start`."""
        first = self._first_characters.search(text, max(start, len(text) - self._longest_opening))
        if first is None:
            return 0
        ends = (text[position:] for position in range(first.start(), len(text)))
        return next((len(end) for end in ends if self._begins_opening(end)), 0)

    def _begins_opening(self, end: str) -> bool:
        return any(pattern.opening.startswith(end) for pattern in self.patterns)

    @cached_property
    def _longest_opening(self) -> int:
        return max(len(pattern.opening) for pattern in self.patterns)

    @cached_property
    def _first_characters(self) -> "re.Pattern[str]":
        return re.compile("|".join(re.escape(pattern.opening[0]) for pattern in self.patterns))


DEFAULT_PATTERNS: Final = BlockPatterns()
"""The patterns without any registered ones."""
