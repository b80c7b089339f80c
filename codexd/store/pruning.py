"""Deletes responses and conversations beyond their age, number or size, in batches, and frees their pages.

Beyond a number or a size, the oldest of those owners are deleted who use more than their share
(`codexd/policy/shares.py`): nobody's history displaces another's.
"""

import sqlite3
from collections.abc import Callable
from typing import Final

from attrs import frozen

from codexd.policy.shares import fair_shares
from codexd.store.connection import fill_ratio
from codexd.store.tombstones import end_expired_leases, mark_conversation_deleted, mark_response_deleted

BATCH: Final = 200
"""The most responses, and the most conversations, deleted in one call: other calls wait meanwhile."""

_MAX_FREED_PAGES: Final = 4096
"""The most free pages returned to the file system in one call."""

_RESPONSE: Final = "FROM response WHERE deleted = 0 AND state = 'over'"
_CONVERSATION: Final = """FROM conversation WHERE deleted = 0 AND NOT EXISTS (
    SELECT 1 FROM response WHERE conversation_number = conversation.number AND deleted = 0 AND state <> 'over'
)"""
_COUNTS: Final = "SELECT name, responses FROM owner WHERE responses > 0"
_CONVERSATION_COUNTS: Final = "SELECT name, conversations FROM owner WHERE conversations > 0"
_BYTES: Final = "SELECT name, bytes FROM owner"
_FORGET_OWNERS: Final = "DELETE FROM owner WHERE responses = 0 AND conversations = 0 AND bytes = 0"

_NEARLY_FULL: Final = 0.9
_DELETED_PART: Final = 10
"""When the file is nearly full, one in this many bytes is deleted."""

ByteLimit = Callable[[str], int | None]
"""Returns the most bytes that an owner may store; None for no limit."""


@frozen
class PruneResult:
    """The outcome of one batch.

    Attributes:
        responses: the number of responses deleted.
        more: whether another batch may find more to delete.
    """

    responses: int
    more: bool


@frozen
class _Kind:
    """Responses or conversations.

    Attributes:
        aged: selects the numbers of those before a time, oldest first.
        counts: selects each owner's number of them.
        oldest: selects number and time of the oldest of an owner.
        delete: deletes one.
    """

    aged: str
    counts: str
    oldest: str
    delete: Callable[[sqlite3.Connection, int], None]


_RESPONSES: Final = _Kind(
    f"SELECT number {_RESPONSE} AND created < ? ORDER BY created, number LIMIT ?",
    _COUNTS,
    f"SELECT number, created {_RESPONSE} AND owner = ? ORDER BY created, number LIMIT ?",
    mark_response_deleted,
)
_CONVERSATIONS: Final = _Kind(
    f"SELECT number {_CONVERSATION} AND last_used < ? ORDER BY last_used, number LIMIT ?",
    _CONVERSATION_COUNTS,
    f"SELECT number, last_used {_CONVERSATION} AND owner = ? ORDER BY last_used, number LIMIT ?",
    mark_conversation_deleted,
)


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
    responses, conversations = (
        _prune_kind(connection, kind, before, most, batch) for kind in (_RESPONSES, _CONVERSATIONS)
    )
    _free_pages(connection)
    connection.execute(_FORGET_OWNERS)
    return PruneResult(responses, batch in (responses, conversations))


def prune_bytes(
    connection: sqlite3.Connection, most: int | None, limit: ByteLimit, owner: str | None = None, batch: int = BATCH
) -> PruneResult:
    """Delete one batch of what owners store beyond their share of a size, or beyond their limit.

    Args:
        connection: the store's connection.
        most: the bytes that may stay of all owners; None for no limit.
        limit: the limit of each owner.
        owner: prune this owner only; None for all.
        batch: the most responses and conversations to delete.
    """
    used = dict(connection.execute(_BYTES).fetchall())
    shares = used if most is None else fair_shares(used, most)
    room, deleted = batch, 0
    for name in used if owner is None else (owner,):
        own = limit(name)
        allowed = shares.get(name, 0) if own is None else min(own, shares.get(name, 0))
        if used.get(name, 0) > allowed:
            responses, conversations = _shrink(connection, name, allowed, room)
            room, deleted = room - responses - conversations, deleted + responses
    return PruneResult(deleted, room == 0)


def allowed_bytes(connection: sqlite3.Connection) -> int | None:
    """Return how many bytes may stay: None while the file is not nearly full."""
    if fill_ratio(connection) < _NEARLY_FULL:
        return None
    stored = int(connection.execute("SELECT coalesce(sum(bytes), 0) FROM owner").fetchone()[0])
    return stored - stored // _DELETED_PART


def _prune_kind(connection: sqlite3.Connection, kind: _Kind, before: float, most: int, batch: int) -> int:
    numbers = [number for (number,) in connection.execute(kind.aged, (before, batch)).fetchall()]
    for number in numbers:
        kind.delete(connection, number)
    room = batch - len(numbers)
    counts = dict(connection.execute(kind.counts).fetchall())
    for owner, share in fair_shares(counts, most).items():
        excess = min(room, counts[owner] - share)
        if excess > 0:
            oldest = connection.execute(kind.oldest, (owner, excess)).fetchall()
            for number, _ in oldest:
                kind.delete(connection, number)
            room -= len(oldest)
    return batch - room


def _shrink(connection: sqlite3.Connection, owner: str, allowed: int, most: int) -> tuple[int, int]:
    """Delete the oldest responses and conversations of an owner until the rest is allowed; return their numbers."""
    oldest = sorted(
        (age, number, kind is _CONVERSATIONS)
        for kind in (_RESPONSES, _CONVERSATIONS)
        for number, age in connection.execute(kind.oldest, (owner, most)).fetchall()
    )
    deleted = [0, 0]
    for _, number, is_conversation in oldest[:most]:
        row = connection.execute("SELECT bytes FROM owner WHERE name = ?", (owner,)).fetchone()
        if row is None or row[0] <= allowed:
            break
        (_CONVERSATIONS if is_conversation else _RESPONSES).delete(connection, number)
        deleted[is_conversation] += 1
    return deleted[0], deleted[1]


def _free_pages(connection: sqlite3.Connection) -> None:
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    # One page a statement: Python's sqlite3 module runs only the first step of a statement without rows.
    for _ in range(min(free, _MAX_FREED_PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)")
