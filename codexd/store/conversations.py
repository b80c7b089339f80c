"""Conversations in the tables, and their items in the order in which they were put there."""

import sqlite3
from typing import Final

from codexd.neutral.kept import KeptConversation, KeptItem
from codexd.store.tombstones import hide_conversation

_FIND: Final = "SELECT number FROM conversation WHERE owner = ? AND id = ? AND gone = 0"
_SHOW: Final = "SELECT id, owner, created, body FROM conversation WHERE owner = ? AND id = ? AND gone = 0"
_ITEMS: Final = "SELECT number, id, body FROM item WHERE conversation = ? ORDER BY number"
_TOUCH: Final = "UPDATE conversation SET touched = ? WHERE number = ? AND gone = 0"

_INSERT: Final = "INSERT INTO conversation (owner, id, created, touched, body) VALUES (?, ?, ?, ?, ?)"
_UPDATE: Final = "UPDATE conversation SET created = ?, body = ? WHERE number = ?"
_ADD: Final = """
INSERT INTO item (owner, id, conversation, body) VALUES (?, ?, ?, ?)
ON CONFLICT (conversation, id) WHERE conversation IS NOT NULL DO NOTHING
"""
_TAKE_OUT: Final = "DELETE FROM item WHERE conversation = ? AND id = ?"


def converse(
    connection: sqlite3.Connection, conversation: KeptConversation, items: tuple[KeptItem, ...], now: float
) -> None:
    """Keep a conversation and add items (`IResponseStore.converse`)."""
    owner, created, body = conversation.owner, conversation.created, conversation.body
    number = find(connection, owner, conversation.id)
    if number is None:
        values = (owner, conversation.id, created, now, body)
        number = connection.execute(_INSERT, values).lastrowid
    else:
        connection.execute(_UPDATE, (created, body, number))
    add(connection, number, owner, items, now)


def amend(connection: sqlite3.Connection, conversation: KeptConversation) -> bool:
    """Keep another body of a conversation; tell whether it was there."""
    number = find(connection, conversation.owner, conversation.id)
    if number is not None:
        connection.execute(_UPDATE, (conversation.created, conversation.body, number))
    return number is not None


def extend(
    connection: sqlite3.Connection, owner: str, id: str, items: tuple[KeptItem, ...], now: float
) -> bool:
    """Put items at the end of a conversation; tell whether it was there."""
    number = find(connection, owner, id)
    add(connection, number, owner, items, now)
    return number is not None


def conversation(connection: sqlite3.Connection, owner: str, id: str) -> KeptConversation | None:
    """Give a conversation."""
    found = connection.execute(_SHOW, (owner, id)).fetchone()
    return None if found is None else KeptConversation(*found)


def take_out(connection: sqlite3.Connection, owner: str, id: str, item: str, now: float) -> bool:
    """Take one item out of a conversation; tell whether it was there."""
    number = find(connection, owner, id)
    if number is None or not connection.execute(_TAKE_OUT, (number, item)).rowcount:
        return False
    connection.execute(_TOUCH, (now, number))
    return True


def end_conversation(connection: sqlite3.Connection, owner: str, id: str) -> bool:
    """Delete a conversation; tell whether there was one."""
    number = find(connection, owner, id)
    if number is not None:
        hide_conversation(connection, number)
    return number is not None


def find(connection: sqlite3.Connection, owner: str, id: str) -> int | None:
    """Give the number of a conversation's row."""
    found = connection.execute(_FIND, (owner, id)).fetchone()
    return None if found is None else found[0]


def entries(connection: sqlite3.Connection, number: int) -> tuple[tuple[KeptItem, ...], int]:
    """Give a conversation's items, and how far it has come: the number of the last."""
    rows = connection.execute(_ITEMS, (number,)).fetchall()
    return tuple(KeptItem(id, body) for _, id, body in rows), rows[-1][0] if rows else 0


def add(
    connection: sqlite3.Connection, number: int | None, owner: str, items: tuple[KeptItem, ...], now: float
) -> None:
    """Put items at the end of a conversation, unless it was deleted; one that is there stays where it is."""
    if connection.execute(_TOUCH, (now, number)).rowcount:
        connection.executemany(_ADD, ((owner, item.id, number, item.body) for item in items))
