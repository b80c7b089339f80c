"""How an answer gets into the tables, whole, as often as it is kept."""

import sqlite3
from typing import Final

from zstandard import ZstdCompressor

from codexd.neutral.kept import KeptResponse
from codexd.store.conversations import add

_FIND: Final = "SELECT number, standing, room FROM response WHERE owner = ? AND id = ? AND gone = 0"
# What an id stands for: what is there, else what was deleted last and is still needed.
_PARENT: Final = """
SELECT number FROM response WHERE owner = ? AND id = ? ORDER BY gone = 0 DESC, gone DESC LIMIT 1
"""
_ROOM: Final = """
SELECT number FROM conversation WHERE owner = ? AND id = ? ORDER BY gone = 0 DESC, gone DESC LIMIT 1
"""
_SEEN: Final = "SELECT coalesce(max(number), 0) FROM item WHERE conversation = ?"

_INSERT: Final = """
INSERT INTO response
(owner, id, parent, room, seen, created, standing, background, previous, conversation, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE: Final = """
UPDATE response SET created = ?, standing = ?, background = ?, previous = ?, conversation = ?, body = ?
WHERE number = ?
"""
_INSERT_ITEM: Final = "INSERT INTO item (owner, id, response, output, body) VALUES (?, ?, ?, ?, ?)"


def keep(connection: sqlite3.Connection, response: KeptResponse, frames: bytes, now: float) -> bool:
    """Keep an answer (`IResponseStore.keep`); tell whether there is one more than before.

    What it goes on from is settled when it is first kept.
    """
    found = connection.execute(_FIND, (response.owner, response.id)).fetchone()
    number, before, room = _insert(connection, response) if found is None else found
    if found is not None:
        connection.execute(_UPDATE, (*_values(response), number))
        connection.execute("DELETE FROM item WHERE response = ?", (number,))
    for output, items in enumerate((response.input, response.output)):
        rows = ((response.owner, item.id, number, output, item.body) for item in items)
        connection.executemany(_INSERT_ITEM, rows)
    if frames:
        packed = ZstdCompressor().compress(frames)
        connection.execute("INSERT OR REPLACE INTO frames VALUES (?, ?)", (number, packed))
    if room is not None:
        ends = response.standing == "over" != before
        add(connection, room, response.owner, (*response.input, *response.output) if ends else (), now)
    return found is None


def _insert(connection: sqlite3.Connection, response: KeptResponse) -> tuple[int | None, None, int | None]:
    parent = _named(connection, _PARENT, response.owner, response.previous)
    room = _named(connection, _ROOM, response.owner, response.conversation)
    seen = response.seen
    if seen is None and room is not None:
        seen = connection.execute(_SEEN, (room,)).fetchone()[0]
    values = (response.owner, response.id, parent, room, seen, *_values(response))
    return connection.execute(_INSERT, values).lastrowid, None, room


def _named(connection: sqlite3.Connection, query: str, owner: str, id: str | None) -> int | None:
    found = None if id is None else connection.execute(query, (owner, id)).fetchone()
    return None if found is None else found[0]


def _values(response: KeptResponse) -> tuple[object, ...]:
    return (
        response.created,
        response.standing,
        response.background,
        response.previous,
        response.conversation,
        response.body,
    )
