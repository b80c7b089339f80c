"""Writes a response with its items and its stream to the tables, again each time it is saved."""

import sqlite3
from typing import Final

from zstandard import ZstdCompressor

from codexd.neutral.stored import StoredResponse
from codexd.store.conversations import append_to_row

_FIND: Final = "SELECT number, state, conversation_number FROM response WHERE owner = ? AND id = ? AND deleted = 0"
# An id means the row that exists, else the row that was deleted last and is still referenced.
_PARENT: Final = """
SELECT number FROM response WHERE owner = ? AND id = ? ORDER BY deleted = 0 DESC, deleted DESC LIMIT 1
"""
_CONVERSATION: Final = """
SELECT number FROM conversation WHERE owner = ? AND id = ? ORDER BY deleted = 0 DESC, deleted DESC LIMIT 1
"""
_POSITION: Final = "SELECT coalesce(max(number), 0) FROM item WHERE conversation = ?"

_INSERT: Final = """
INSERT INTO response
(owner, id, parent, conversation_number, conversation_position, created, state, background, previous,
 conversation, body, bytes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE: Final = """
UPDATE response SET created = ?, state = ?, background = ?, previous = ?, conversation = ?, body = ?,
    bytes = ? + coalesce((SELECT length(stream.body) FROM stream WHERE stream.response = response.number), 0)
WHERE number = ?
"""
_SAVE_STREAM: Final = "INSERT OR REPLACE INTO stream VALUES (?, ?)"
_INSERT_ITEM: Final = "INSERT INTO item (owner, id, response, output, body) VALUES (?, ?, ?, ?, ?)"


def save_response(connection: sqlite3.Connection, response: StoredResponse, stream: bytes, now: float) -> bool:
    """Insert or update a response (`IResponseStore.save_response`); return whether it was inserted.

    The response or conversation that it continues is resolved when it is inserted.
    """
    row = connection.execute(_FIND, (response.owner, response.id)).fetchone()
    compressed = ZstdCompressor().compress(stream) if stream else b""
    size = len(response.body) + sum(len(item.body) for item in (*response.input, *response.output))
    if row is None:
        number, state_before, conversation = _insert(connection, response, size + len(compressed))
    else:
        number, state_before, conversation = row
        connection.execute("DELETE FROM item WHERE response = ?", (number,))
    if stream:
        connection.execute(_SAVE_STREAM, (number, compressed))
    if row is not None:
        connection.execute(_UPDATE, (*_values(response), size, number))
    for output, items in enumerate((response.input, response.output)):
        rows = ((response.owner, item.id, number, output, item.body) for item in items)
        connection.executemany(_INSERT_ITEM, rows)
    if conversation is not None:
        ends_now = response.state == "over" != state_before
        items = (*response.input, *response.output) if ends_now else ()
        append_to_row(connection, conversation, response.owner, items, now)
    return row is None


def _insert(connection: sqlite3.Connection, response: StoredResponse, size: int) -> tuple[int | None, None, int | None]:
    parent = _find_row(connection, _PARENT, response.owner, response.previous)
    conversation = _find_row(connection, _CONVERSATION, response.owner, response.conversation)
    position = response.position
    if position is None and conversation is not None:
        position = connection.execute(_POSITION, (conversation,)).fetchone()[0]
    values = (response.owner, response.id, parent, conversation, position, *_values(response), size)
    return connection.execute(_INSERT, values).lastrowid, None, conversation


def _find_row(connection: sqlite3.Connection, query: str, owner: str, id: str | None) -> int | None:
    row = None if id is None else connection.execute(query, (owner, id)).fetchone()
    return None if row is None else row[0]


def _values(response: StoredResponse) -> tuple[object, ...]:
    return (
        response.created,
        response.state,
        response.background,
        response.previous,
        response.conversation,
        response.body,
    )
