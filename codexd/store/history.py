"""Loads a response's history: the previous_response_id chain or the conversation, oldest first."""

import sqlite3
from typing import Final

from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import HistoryQuery, LoadedHistory, StoredItem
from codexd.store.conversations import find_number, load_items
from codexd.store.tombstones import lease_conversation, lease_response

MAX_BYTES: Final = 64 * 2**20
"""The default limit of a history's size."""

_FIND: Final = "SELECT number, state FROM response WHERE owner = ? AND id = ? AND deleted = 0"

# Depth 0 is the response itself. The first response of a chain may belong to a conversation: then the items
# of the conversation up to conversation_position precede it.
_HISTORY: Final = """
WITH RECURSIVE chain (number, parent, conversation_number, conversation_position, depth) AS (
    SELECT number, parent, conversation_number, conversation_position, 0 FROM response WHERE number = :number
    UNION ALL
    SELECT response.number, response.parent, response.conversation_number, response.conversation_position,
        depth + 1
    FROM chain JOIN response ON response.number = chain.parent
), history AS (
    SELECT depth, 1 AS own, item.number AS position, item.id, item.body
    FROM chain JOIN item ON item.response = chain.number
    WHERE depth > 0 OR NOT item.output OR :with_output
    UNION ALL
    SELECT depth, 0, item.number, item.id, item.body
    FROM chain JOIN item
        ON item.conversation = chain.conversation_number AND item.number <= chain.conversation_position
)
"""
_LOAD: Final = "".join((_HISTORY, "SELECT id, body FROM history ORDER BY depth DESC, own, position"))
# Checked before the items are read, because sorting holds all of them in memory.
_SIZE: Final = "".join((_HISTORY, "SELECT coalesce(sum(length(body)), 0) FROM history"))
_CONVERSATION_SIZE: Final = "SELECT coalesce(sum(length(body)), 0) FROM item WHERE conversation = ?"
_REFERENCE: Final = """
SELECT item.id, item.body FROM item
LEFT JOIN response ON response.number = item.response
LEFT JOIN conversation ON conversation.number = item.conversation
WHERE item.owner = ? AND item.id = ? AND coalesce(response.deleted, conversation.deleted) = 0
ORDER BY item.number DESC LIMIT 1
"""


def load_history(
    connection: sqlite3.Connection, wanted: HistoryQuery, until: float, max_bytes: int = MAX_BYTES
) -> LoadedHistory:
    """Load what a request continues and the items it refers to (`IResponseStore.load_history`).

    Args:
        connection: the store's connection.
        wanted: what the request continues.
        until: Unix time in seconds at which the request's lease on it ends.
        max_bytes: the largest history that is loaded.

    Raises:
        FaultError: `history_too_large`.
    """
    items = _load_references(connection, wanted)
    if wanted.previous is not None:
        return _continue_response(connection, wanted.owner, wanted.previous, items, until, max_bytes)
    if wanted.conversation is not None:
        return _continue_conversation(connection, wanted.owner, wanted.conversation, items, until, max_bytes)
    return LoadedHistory(items=items)


def load_input_items(
    connection: sqlite3.Connection, owner: str, id: str, max_bytes: int = MAX_BYTES
) -> tuple[StoredItem, ...] | None:
    """Return the model's input for a response, oldest first: its history and its own input.

    Raises:
        FaultError: `history_too_large`.
    """
    row = connection.execute(_FIND, (owner, id)).fetchone()
    return None if row is None else _load_chain(connection, row[0], False, max_bytes)


def load_conversation_items(
    connection: sqlite3.Connection, owner: str, id: str, max_bytes: int = MAX_BYTES
) -> tuple[StoredItem, ...] | None:
    """Return a conversation's items, oldest first.

    Raises:
        FaultError: `history_too_large`.
    """
    number = find_number(connection, owner, id)
    return None if number is None else _load_conversation(connection, number, max_bytes)[0]


def _continue_response(
    connection: sqlite3.Connection,
    owner: str,
    id: str,
    items: dict[str, StoredItem],
    until: float,
    max_bytes: int,
) -> LoadedHistory:
    row = connection.execute(_FIND, (owner, id)).fetchone()
    if row is None:
        return LoadedHistory(None, items=items)
    number, state = row
    lease_response(connection, number, until)
    return LoadedHistory(_load_chain(connection, number, True, max_bytes), state, items)


def _continue_conversation(
    connection: sqlite3.Connection,
    owner: str,
    id: str,
    items: dict[str, StoredItem],
    until: float,
    max_bytes: int,
) -> LoadedHistory:
    number = find_number(connection, owner, id)
    if number is None:
        return LoadedHistory(None, items=items)
    lease_conversation(connection, number, until)
    history, position = _load_conversation(connection, number, max_bytes)
    return LoadedHistory(history, items=items, position=position)


def _load_chain(
    connection: sqlite3.Connection, number: int, with_output: bool, max_bytes: int
) -> tuple[StoredItem, ...]:
    parameters = {"number": number, "with_output": with_output}
    _check_size(connection.execute(_SIZE, parameters), max_bytes)
    rows = connection.execute(_LOAD, parameters)
    return tuple(StoredItem(id, body) for id, body in rows.fetchall())


def _load_conversation(
    connection: sqlite3.Connection, number: int, max_bytes: int
) -> tuple[tuple[StoredItem, ...], int]:
    _check_size(connection.execute(_CONVERSATION_SIZE, (number,)), max_bytes)
    return load_items(connection, number)


def _check_size(cursor: sqlite3.Cursor, max_bytes: int) -> None:
    if cursor.fetchone()[0] > max_bytes:
        raise FaultError(fault("history_too_large"))


def _load_references(connection: sqlite3.Connection, wanted: HistoryQuery) -> dict[str, StoredItem]:
    rows = (connection.execute(_REFERENCE, (wanted.owner, id)).fetchone() for id in wanted.references)
    return {row[0]: StoredItem(*row) for row in rows if row is not None}
