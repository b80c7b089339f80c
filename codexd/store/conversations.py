"""Reads and writes conversations and their items, in the order in which the items were appended."""

import sqlite3
from typing import Final

from codexd.neutral.stored import StoredConversation, StoredItem
from codexd.store.tombstones import mark_conversation_deleted

_FIND: Final = "SELECT number FROM conversation WHERE owner = ? AND id = ? AND deleted = 0"
_LOAD: Final = "SELECT id, owner, created, body FROM conversation WHERE owner = ? AND id = ? AND deleted = 0"
_ITEMS: Final = "SELECT number, id, body FROM item WHERE conversation = ? ORDER BY number"
_TOUCH: Final = "UPDATE conversation SET last_used = ? WHERE number = ? AND deleted = 0"

_INSERT: Final = """
INSERT INTO conversation (owner, id, created, last_used, body, bytes) VALUES (?, ?, ?, ?, ?5, length(?5))
"""
_UPDATE: Final = """
UPDATE conversation SET created = ?1, body = ?2, bytes = bytes - length(body) + length(?2) WHERE number = ?3
"""
_APPEND: Final = """
INSERT INTO item (owner, id, conversation, body) VALUES (?, ?, ?, ?)
ON CONFLICT (conversation, id) WHERE conversation IS NOT NULL DO NOTHING
"""
_REMOVE_ITEM: Final = "DELETE FROM item WHERE conversation = ? AND id = ?"


def save_conversation(
    connection: sqlite3.Connection, conversation: StoredConversation, items: tuple[StoredItem, ...], now: float
) -> None:
    """Insert or update a conversation and append items (`IResponseStore.save_conversation`)."""
    owner, created, body = conversation.owner, conversation.created, conversation.body
    number = find_number(connection, owner, conversation.id)
    if number is None:
        values = (owner, conversation.id, created, now, body)
        number = connection.execute(_INSERT, values).lastrowid
    else:
        connection.execute(_UPDATE, (created, body, number))
    append_to_row(connection, number, owner, items, now)


def update_conversation(connection: sqlite3.Connection, conversation: StoredConversation) -> bool:
    """Replace the body of a conversation; return whether it exists."""
    number = find_number(connection, conversation.owner, conversation.id)
    if number is not None:
        connection.execute(_UPDATE, (conversation.created, conversation.body, number))
    return number is not None


def append_items(
    connection: sqlite3.Connection, owner: str, id: str, items: tuple[StoredItem, ...], now: float
) -> bool:
    """Append items to a conversation; return whether it exists."""
    number = find_number(connection, owner, id)
    append_to_row(connection, number, owner, items, now)
    return number is not None


def load_conversation(connection: sqlite3.Connection, owner: str, id: str) -> StoredConversation | None:
    """Return a conversation without its items."""
    row = connection.execute(_LOAD, (owner, id)).fetchone()
    return None if row is None else StoredConversation(*row)


def remove_item(connection: sqlite3.Connection, owner: str, id: str, item: str, now: float) -> bool:
    """Remove one item from a conversation; return whether the item was there."""
    number = find_number(connection, owner, id)
    if number is None or not connection.execute(_REMOVE_ITEM, (number, item)).rowcount:
        return False
    connection.execute(_TOUCH, (now, number))
    return True


def delete_conversation(connection: sqlite3.Connection, owner: str, id: str) -> bool:
    """Delete a conversation; return whether it existed."""
    number = find_number(connection, owner, id)
    if number is not None:
        mark_conversation_deleted(connection, number)
    return number is not None


def find_number(connection: sqlite3.Connection, owner: str, id: str) -> int | None:
    """Return the row number of a conversation."""
    row = connection.execute(_FIND, (owner, id)).fetchone()
    return None if row is None else row[0]


def load_items(connection: sqlite3.Connection, number: int) -> tuple[tuple[StoredItem, ...], int]:
    """Return a conversation's items and the number of its last item, 0 when it has none."""
    rows = connection.execute(_ITEMS, (number,)).fetchall()
    return tuple(StoredItem(id, body) for _, id, body in rows), rows[-1][0] if rows else 0


def append_to_row(
    connection: sqlite3.Connection, number: int | None, owner: str, items: tuple[StoredItem, ...], now: float
) -> None:
    """Append items to a conversation unless it is deleted; an item whose id it already has is skipped."""
    if connection.execute(_TOUCH, (now, number)).rowcount:
        connection.executemany(_APPEND, ((owner, item.id, number, item.body) for item in items))
