"""Answers in the tables: shown, listed, deleted. How they get there is `keeping`'s."""

import sqlite3
from typing import Any, Final

from zstandard import ZstdDecompressor

from codexd.neutral.kept import KeptItem, KeptResponse
from codexd.store.tombstones import hide_response

_FIND: Final = "SELECT number FROM response WHERE owner = ? AND id = ? AND gone = 0"
_SHOW: Final = """
SELECT number, id, owner, created, standing, body, previous, conversation, background, seen
FROM response WHERE owner = ? AND id = ? AND gone = 0
"""
_UNFINISHED: Final = """
SELECT number, id, owner, created, standing, body, previous, conversation, background, seen
FROM response WHERE gone = 0 AND standing <> 'over' ORDER BY number
"""
_ITEMS: Final = "SELECT output, id, body FROM item WHERE response = ? ORDER BY number"
_FRAMES: Final = """
SELECT frames.body FROM response JOIN frames ON frames.response = response.number
WHERE owner = ? AND id = ? AND gone = 0
"""
_COUNT: Final = "SELECT count(*) FROM response WHERE gone = 0"


def response(connection: sqlite3.Connection, owner: str, id: str) -> KeptResponse | None:
    """Give an answer as it was kept last."""
    found = connection.execute(_SHOW, (owner, id)).fetchone()
    return None if found is None else _read(connection, found)


def frames(connection: sqlite3.Connection, owner: str, id: str) -> bytes:
    """Give the stream that was kept with an answer; empty if none was."""
    found = connection.execute(_FRAMES, (owner, id)).fetchone()
    return b"" if found is None else ZstdDecompressor().decompress(found[0])


def delete(connection: sqlite3.Connection, owner: str, id: str) -> bool:
    """Delete an answer; tell whether there was one."""
    found = connection.execute(_FIND, (owner, id)).fetchone()
    if found is not None:
        hide_response(connection, found[0])
    return found is not None


def unfinished(connection: sqlite3.Connection) -> tuple[KeptResponse, ...]:
    """List the answers that are not over."""
    return tuple(_read(connection, found) for found in connection.execute(_UNFINISHED).fetchall())


def number_kept(connection: sqlite3.Connection) -> int:
    """Count the answers."""
    return int(connection.execute(_COUNT).fetchone()[0])


def _read(connection: sqlite3.Connection, found: Any) -> KeptResponse:
    number, id, owner, created, standing, body, previous, conversation, background, seen = found
    items = connection.execute(_ITEMS, (number,)).fetchall()
    return KeptResponse(
        id=id,
        owner=owner,
        created=created,
        standing=standing,
        body=body,
        input=tuple(KeptItem(name, said) for output, name, said in items if not output),
        output=tuple(KeptItem(name, said) for output, name, said in items if output),
        previous=previous,
        conversation=conversation,
        background=bool(background),
        seen=seen,
    )
