"""The ways in which models write tool calls into their text: `<use_tool>`, and any that are registered."""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final

from attrs import field, frozen

from codexd.tools.use import CLOSING, OPENING, Use, read


@frozen(slots=False)
class Pattern:
    """One way of writing a call: a block between two marks.

    Attributes:
        name: what it is called.
        opening: the text a block begins with.
        closing: the text it ends with.
        read: takes a whole block, marks included; None when it is malformed.
        follows: the characters one of which must come after the opening, as for a tag; any, if empty.
    """

    name: str
    opening: str
    closing: str
    read: Callable[[str], Use | None]
    follows: str = ""

    @cached_property
    def mark(self) -> str:
        """The opening as a regular expression."""
        return re.escape(self.opening) + (f"(?=[{re.escape(self.follows)}])" if self.follows else "")

    @cached_property
    def inner(self) -> "re.Pattern[str]":
        """What ends a block: its closing, or the opening of another one."""
        return re.compile(f"(?P<closing>{re.escape(self.closing)})|{self.mark}")

    def hides(self, other: "Pattern") -> bool:
        """Tell whether this opening can be seen before it is known whether the other's, longer, is meant."""
        place = other.opening.find(self.opening)
        if place != 0:
            return place > 0
        following = other.opening[len(self.opening) :][:1]
        return not self.follows or not following or following in self.follows


USE_TOOL: Final = Pattern("use_tool", OPENING, CLOSING, read, "> \t\r\n")
"""Obsidian Copilot's."""


def _unambiguous(_: object, __: object, known: tuple[Pattern, ...]) -> None:
    for pattern in known:
        if not pattern.opening or not pattern.closing or pattern.opening.find(pattern.closing) > 0:
            raise ValueError(f"the marks of {pattern.name} do not tell a block's beginning from its end")
        for other in known:
            if other is not pattern and pattern.hides(other):
                raise ValueError(f"the opening of {other.name} contains that of {pattern.name}")


@frozen(slots=False)
class Patterns:
    """All that are looked for.

    Raises:
        ValueError: when it cannot be told at a block's beginning which pattern it is.
    """

    known: tuple[Pattern, ...] = field(default=(USE_TOOL,), validator=_unambiguous)

    def register(self, pattern: Pattern) -> "Patterns":
        """Add one.

        Raises:
            ValueError: as above.
        """
        return Patterns((*self.known, pattern))

    @cached_property
    def openings(self) -> "re.Pattern[str]":
        """Where any block begins; the group's number, less one, is the pattern's."""
        return re.compile("|".join(f"({pattern.mark})" for pattern in self.known))

    def begun(self, text: str) -> int:
        """Tell how many characters at the end of a text without openings may be the beginning of one."""
        first = self._firsts.search(text, max(0, len(text) - self._longest))
        if first is None:
            return 0
        ends = (text[place:] for place in range(first.start(), len(text)))
        return next((len(end) for end in ends if self._begins(end)), 0)

    def _begins(self, end: str) -> bool:
        return any(pattern.opening.startswith(end) for pattern in self.known)

    @cached_property
    def _longest(self) -> int:
        return max(len(pattern.opening) for pattern in self.known)

    @cached_property
    def _firsts(self) -> "re.Pattern[str]":
        return re.compile("|".join(re.escape(pattern.opening[0]) for pattern in self.known))


KNOWN: Final = Patterns()
"""What is looked for when nothing was registered."""
