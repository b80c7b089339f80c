"""Deletes responses and conversations beyond their age or number, in batches, and frees their pages."""

import sqlite3
from itertools import takewhile
from typing import Final

from attrs import frozen

from codexd.store.connection import fill_ratio
from codexd.store.responses import count_responses
from codexd.store.tombstones import end_expired_leases, mark_conversation_deleted, mark_response_deleted

BATCH: Final = 500
"""The most responses, and the most conversations, deleted in one call: other calls wait meanwhile."""

_MAX_FREED_PAGES: Final = 4096
"""The most free pages returned to the file system in one call."""

_OLDEST: Final = """
SELECT number, created FROM response WHERE deleted = 0 AND state = 'over' ORDER BY created, number LIMIT ?
"""
_UNUSED: Final = """
SELECT number, last_used FROM conversation WHERE deleted = 0 AND NOT EXISTS (
    SELECT 1 FROM response WHERE conversation_number = conversation.number AND deleted = 0 AND state <> 'over'
) ORDER BY last_used, number LIMIT ?
"""
_COUNT_CONVERSATIONS: Final = "SELECT count(*) FROM conversation WHERE deleted = 0"

_NEARLY_FULL: Final = 0.9
_DELETED_PART: Final = 10
"""When the file is nearly full, one in this many responses is deleted."""


@frozen
class PruneResult:
    """The outcome of one batch.

    Attributes:
        responses: the number of responses deleted.
        more: whether another batch may find more to delete.
    """

    responses: int
    more: bool


def prune(connection: sqlite3.Connection, before: float, most: int, now: float, batch: int = BATCH) -> PruneResult:
    """Delete one batch of what `IStore.prune` deletes, oldest first.

    Args:
        connection: the store's connection.
        before: Unix time in seconds; responses created and conversations last used before it are deleted.
        most: the number of responses that stay, and the number of conversations that stay.
        now: Unix time in seconds.
        batch: the most responses, and the most conversations, to delete.
    """
    end_expired_leases(connection, now)
    responses = _select(connection.execute(_OLDEST, (batch,)), count_responses(connection) - most, before)
    for number in responses:
        mark_response_deleted(connection, number)
    total = connection.execute(_COUNT_CONVERSATIONS).fetchone()[0]
    conversations = _select(connection.execute(_UNUSED, (batch,)), total - most, before)
    for number in conversations:
        mark_conversation_deleted(connection, number)
    _free_pages(connection)
    return PruneResult(len(responses), batch in (len(responses), len(conversations)))


def allowed_responses(connection: sqlite3.Connection, most: int) -> int:
    """Return how many responses may stay: `most`, or fewer while the file is nearly full."""
    if fill_ratio(connection) < _NEARLY_FULL:
        return most
    stored = count_responses(connection)
    return min(most, stored - stored // _DELETED_PART - 1)


def _select(oldest: sqlite3.Cursor, excess: int, before: float) -> list[int]:
    """Return the row numbers of the first `excess` rows and of the following rows older than `before`."""
    rows = enumerate(oldest.fetchall())
    return [number for _, (number, _) in takewhile(lambda row: row[0] < excess or row[1][1] < before, rows)]


def _free_pages(connection: sqlite3.Connection) -> None:
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    # One page a statement: Python's sqlite3 module runs only the first step of a statement without rows.
    for _ in range(min(free, _MAX_FREED_PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)")
