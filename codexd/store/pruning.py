"""What is too old or too much is deleted, some at a time, and the pages are given back."""

import sqlite3
from itertools import takewhile
from typing import Final

from attrs import frozen

from codexd.store.answers import number_kept
from codexd.store.connection import fullness
from codexd.store.tombstones import hide_conversation, hide_response, take_back

BATCH: Final = 500
"""How many answers and conversations are deleted in one go: others wait meanwhile."""

_PAGES: Final = 4096
"""How many free pages are given back in one go."""

_OLDEST: Final = """
SELECT number, created FROM response WHERE gone = 0 AND standing = 'over' ORDER BY created, number LIMIT ?
"""
_UNUSED: Final = """
SELECT number, touched FROM conversation WHERE gone = 0 AND NOT EXISTS (
    SELECT 1 FROM response WHERE room = conversation.number AND gone = 0 AND standing <> 'over'
) ORDER BY touched, number LIMIT ?
"""
_ROOMS: Final = "SELECT count(*) FROM conversation WHERE gone = 0"

_NEARLY_FULL: Final = 0.9
_MAKES_ROOM: Final = 10
"""The part of all answers that goes when the file is nearly full: a tenth."""


@frozen
class Pruned:
    """What one go came to.

    Attributes:
        answers: how many were deleted.
        more: there may be more to do.
    """

    answers: int
    more: bool


def prune(connection: sqlite3.Connection, before: float, most: int, now: float, batch: int = BATCH) -> Pruned:
    """Delete some of what `IResponseStore.prune` is to delete, oldest first.

    Args:
        connection: the store's.
        before: Unix time in seconds; answers made and conversations last used before it go.
        most: how many answers stay, and how many conversations.
        now: Unix time in seconds.
        batch: how many answers, and how many conversations, at most.
    """
    take_back(connection, now)
    due = _due(connection.execute(_OLDEST, (batch,)), number_kept(connection) - most, before)
    for number in due:
        hide_response(connection, number)
    rooms = connection.execute(_ROOMS).fetchone()[0]
    unused = _due(connection.execute(_UNUSED, (batch,)), rooms - most, before)
    for number in unused:
        hide_conversation(connection, number)
    _give_back(connection)
    return Pruned(len(due), batch in (len(due), len(unused)))


def share(connection: sqlite3.Connection, most: int) -> int:
    """Tell how many answers may stay: `most`, or fewer while the file is nearly full."""
    if fullness(connection) < _NEARLY_FULL:
        return most
    kept = number_kept(connection)
    return min(most, kept - kept // _MAKES_ROOM - 1)


def _due(oldest: sqlite3.Cursor, spare: int, before: float) -> list[int]:
    """Give the numbers of the first `spare`, and of those after them that are of before."""
    rows = enumerate(oldest.fetchall())
    return [number for _, (number, _) in takewhile(lambda row: row[0] < spare or row[1][1] < before, rows)]


def _give_back(connection: sqlite3.Connection) -> None:
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    # One at a time: Python's module takes only the first step of a statement that gives no rows.
    for _ in range(min(free, _PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)")
