"""Deletes responses and conversations in two steps: hide the row now, remove it when nothing refers to it.

A response that continues a deleted one keeps its history. The items of the deleted response therefore stay as
long as such a response exists, or a running request that holds a lease may still create one. The body and the
stream are removed at once.
"""

import sqlite3
from typing import Final

_HIDE_RESPONSE: Final = """
UPDATE response SET deleted = number, body = x'',
    bytes = (SELECT coalesce(sum(length(item.body)), 0) FROM item WHERE item.response = response.number)
WHERE number = ?
"""
_HIDE_CONVERSATION: Final = """
UPDATE conversation SET deleted = number, body = x'', bytes = bytes - length(body) WHERE number = ?
"""

_UNREFERENCED_RESPONSE: Final = """
SELECT parent, conversation_number FROM response WHERE number = ? AND deleted <> 0
AND NOT EXISTS (SELECT 1 FROM response AS child WHERE child.parent = response.number)
AND NOT EXISTS (SELECT 1 FROM response_lease AS lease WHERE lease.number = response.number)
"""
_REMOVE_CONVERSATION: Final = """
DELETE FROM conversation WHERE number = ? AND deleted <> 0
AND NOT EXISTS (SELECT 1 FROM response WHERE conversation_number = conversation.number)
AND NOT EXISTS (SELECT 1 FROM conversation_lease AS lease WHERE lease.number = conversation.number)
"""


def mark_response_deleted(connection: sqlite3.Connection, number: int) -> None:
    """Hide a response, remove its body and stream, and remove its row if nothing refers to it."""
    connection.execute(_HIDE_RESPONSE, (number,))
    connection.execute("DELETE FROM stream WHERE response = ?", (number,))
    purge_response(connection, number)


def mark_conversation_deleted(connection: sqlite3.Connection, number: int) -> None:
    """Hide a conversation, remove its body, and remove its row if nothing refers to it."""
    connection.execute(_HIDE_CONVERSATION, (number,))
    purge_conversation(connection, number)


def purge_response(connection: sqlite3.Connection, number: int | None) -> None:
    """Remove a hidden response that nothing refers to, then its hidden ancestors that nothing refers to."""
    while number is not None:
        row = connection.execute(_UNREFERENCED_RESPONSE, (number,)).fetchone()
        if row is None:
            return
        connection.execute("DELETE FROM response WHERE number = ?", (number,))
        number, conversation = row
        if conversation is not None:
            purge_conversation(connection, conversation)


def purge_conversation(connection: sqlite3.Connection, number: int) -> None:
    """Remove a hidden conversation that nothing refers to."""
    connection.execute(_REMOVE_CONVERSATION, (number,))


def lease_response(connection: sqlite3.Connection, number: int, until: float) -> None:
    """Keep the row of a response, even if it is deleted, until a Unix time in seconds."""
    connection.execute("INSERT OR REPLACE INTO response_lease VALUES (?, ?)", (number, until))


def lease_conversation(connection: sqlite3.Connection, number: int, until: float) -> None:
    """Keep the row of a conversation, even if it is deleted, until a Unix time in seconds."""
    connection.execute("INSERT OR REPLACE INTO conversation_lease VALUES (?, ?)", (number, until))


def end_expired_leases(connection: sqlite3.Connection, now: float) -> None:
    """End expired leases and remove the hidden rows that only they kept."""
    for expired, end, purge in _EXPIRED:
        numbers = connection.execute(expired, (now,)).fetchall()
        connection.execute(end, (now,))
        for (number,) in numbers:
            purge(connection, number)


def purge_unreferenced(connection: sqlite3.Connection) -> None:
    """Remove all hidden rows that nothing refers to: at the start, those whose leases the last stop ended."""
    for hidden, purge in _HIDDEN:
        for (number,) in connection.execute(hidden).fetchall():
            purge(connection, number)


_EXPIRED: Final = (
    (
        "SELECT number FROM response_lease WHERE until <= ?",
        "DELETE FROM response_lease WHERE until <= ?",
        purge_response,
    ),
    (
        "SELECT number FROM conversation_lease WHERE until <= ?",
        "DELETE FROM conversation_lease WHERE until <= ?",
        purge_conversation,
    ),
)
_HIDDEN: Final = (
    ("SELECT number FROM response WHERE deleted <> 0", purge_response),
    ("SELECT number FROM conversation WHERE deleted <> 0", purge_conversation),
)
