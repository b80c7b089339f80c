"""The code blocks of the pages, with the markers above them.

A marker is an HTML comment, which is invisible in rendered Markdown, on the line directly above the fence:
`<!-- not run: needs root -->`. Several markers are on lines of their own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from attrs import field, frozen

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

NOT_RUN, RUN_BY, OUTPUT, FILE, DAEMON, STATUS = "not run", "run by", "output", "file", "daemon", "exit status"
MARKERS = {NOT_RUN: True, RUN_BY: True, OUTPUT: False, FILE: True, DAEMON: False, STATUS: True}
"""The names of the markers, and whether they have a text."""

_FENCE = re.compile(r"^( *)(`{3,})(.*)$")
_COMMENT = re.compile(r"^ *<!-- *(.*?) *-->$")
_LIST_ITEM = re.compile(r" *([-*+]|\d+\.) ")
_INDENTED_CODE = re.compile(r" {4,}\S")


@frozen(kw_only=True)
class Block:
    """One code block.

    Attributes:
        page: the file.
        line: the number of the line of its opening fence.
        language: the word behind the fence.
        code: its lines, without common indentation.
        markers: the texts of the markers above it, by their names.
    """

    page: Path
    line: int
    language: str
    code: str
    markers: dict[str, str] = field(factory=dict)

    @property
    def place(self) -> str:
        """The page and the line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def first_line(self) -> str:
        """The first line of the code."""
        return self.code.partition("\n")[0]


def read_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page.

    Raises:
        AssertionError: if a block is not closed.
    """
    return list(parse_blocks(page, page.read_text(encoding="utf-8").splitlines()))


def parse_blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    """Yield the blocks of a page's lines.

    Raises:
        AssertionError: if a block is not closed.
    """
    number = 0
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        if opened is None:
            number += 1
            continue
        end = _find_end(lines, number, opened[2])
        if end is None:
            raise AssertionError(f"{page.name}:{number + 1}: this code block is not closed: add a line {opened[2]}")
        code = dedent("".join(f"{line}\n" for line in lines[number + 1 : end]))
        yield Block(
            page=page, line=number + 1, language=opened[3].strip(), code=code, markers=_read_markers(lines, number)
        )
        number = end + 1


def _find_end(lines: list[str], start: int, fence: str) -> int | None:
    return next((at for at in range(start + 1, len(lines)) if lines[at].strip() == fence), None)


def _read_markers(lines: list[str], fence: int) -> dict[str, str]:
    """Return the markers directly above a fence; a comment that is no marker is not one."""
    markers: dict[str, str] = {}
    while fence and (comment := _COMMENT.match(lines[fence - 1])):
        name, _, text = comment[1].partition(":")
        if name in MARKERS:
            markers[name] = text.strip()
        fence -= 1
    return markers


def find_indented_code(page: Path) -> list[int]:
    """Return the numbers of the lines of code that is indented instead of fenced."""
    found, fence, before = [], "", ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        opened = _FENCE.match(line)
        if opened and not fence:
            fence = opened[2]
        elif fence:
            fence = "" if line.strip() == fence else fence
        elif _INDENTED_CODE.match(line) and not _is_in_list(before):
            found.append(number)
        if line and not line.startswith(" "):
            before = line
    return found


def _is_in_list(line: str) -> bool:
    """Return whether what is indented below this line, the last one that is not, belongs to a list."""
    return _LIST_ITEM.match(line) is not None
