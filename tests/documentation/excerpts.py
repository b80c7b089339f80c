"""Excerpts of files of the project: their first line names the file."""

import re

from tests.documentation.blocks import ROOT, Block

_FILE = re.compile(r"# (\S+/\S+)$")
_NEW_FILE = re.compile(r"# new\b")
_OMISSION = re.compile(r"^ *\.\.\.\n", re.MULTILINE)


def excerpt_file(block: Block) -> str | None:
    """Return the path of the file that a block quotes, or None."""
    named = _FILE.match(block.first_line)
    return named[1] if named else None


def is_new_file(block: Block) -> bool:
    """Return whether a block is a file that does not exist, as an example of one."""
    return _NEW_FILE.match(block.first_line) is not None


def is_in_file(block: Block, file: str) -> bool:
    """Return whether a file has the parts of an excerpt, which lines `...` separate, in their order."""
    path = ROOT / file
    if not path.is_file():
        return False
    return contains(path.read_text(encoding="utf-8"), block.code.partition("\n")[2])


def contains(source: str, excerpt: str) -> bool:
    """Return whether a text has the parts of an excerpt in their order."""
    end = 0
    for part in _OMISSION.split(excerpt):
        found = source.find(part, end)
        if found < 0:
            return False
        end = found + len(part)
    return True
