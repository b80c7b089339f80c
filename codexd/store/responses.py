"""Reads, lists, counts and deletes stored responses; `response_writes` saves them."""

import sqlite3
from typing import Any, Final

from zstandard import ZstdDecompressor

from codexd.neutral.stored import StoredItem, StoredResponse
from codexd.store.tombstones import mark_response_deleted

_COLUMNS: Final = """
number, id, owner, created, state, body, previous, conversation, background, conversation_position
"""
_FIND: Final = "SELECT number FROM response WHERE owner = ? AND id = ? AND deleted = 0"
_LOAD: Final = f"SELECT {_COLUMNS} FROM response WHERE owner = ? AND id = ? AND deleted = 0"  # noqa: S608
_UNFINISHED: Final = f"""
SELECT {_COLUMNS} FROM response WHERE deleted = 0 AND state <> 'over' ORDER BY number
"""  # noqa: S608
_ITEMS: Final = "SELECT output, id, body FROM item WHERE response = ? ORDER BY number"
_STREAM: Final = """
SELECT stream.body FROM response JOIN stream ON stream.response = response.number
WHERE owner = ? AND id = ? AND deleted = 0
"""
_COUNT: Final = "SELECT coalesce(sum(responses), 0) FROM owner"


def load_response(connection: sqlite3.Connection, owner: str, id: str) -> StoredResponse | None:
    """Return a response as it was last saved."""
    row = connection.execute(_LOAD, (owner, id)).fetchone()
    return None if row is None else _build_response(connection, row)


def load_stream(connection: sqlite3.Connection, owner: str, id: str) -> bytes:
    """Return the stream that was saved with a response, empty when there is none."""
    row = connection.execute(_STREAM, (owner, id)).fetchone()
    return b"" if row is None else ZstdDecompressor().decompress(row[0])


def delete_response(connection: sqlite3.Connection, owner: str, id: str) -> bool:
    """Delete a response; return whether it existed."""
    row = connection.execute(_FIND, (owner, id)).fetchone()
    if row is not None:
        mark_response_deleted(connection, row[0])
    return row is not None


def load_unfinished(connection: sqlite3.Connection) -> tuple[StoredResponse, ...]:
    """Return all responses that are queued or running."""
    return tuple(_build_response(connection, row) for row in connection.execute(_UNFINISHED).fetchall())


def count_responses(connection: sqlite3.Connection) -> int:
    """Return the number of stored responses."""
    return int(connection.execute(_COUNT).fetchone()[0])


def _build_response(connection: sqlite3.Connection, row: Any) -> StoredResponse:
    number, id, owner, created, state, body, previous, conversation, background, position = row
    items = connection.execute(_ITEMS, (number,)).fetchall()
    return StoredResponse(
        id=id,
        owner=owner,
        created=created,
        state=state,
        body=body,
        input=tuple(StoredItem(item_id, item_body) for output, item_id, item_body in items if not output),
        output=tuple(StoredItem(item_id, item_body) for output, item_id, item_body in items if output),
        previous=previous,
        conversation=conversation,
        background=bool(background),
        position=position,
    )
