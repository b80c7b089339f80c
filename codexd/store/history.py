"""What came before: the line of answers one goes on from, back to its beginning."""

import sqlite3
from typing import Final

from codexd.neutral.fault import Refused, fault
from codexd.neutral.kept import KeptItem, Recalled, Wanted
from codexd.store.conversations import entries, find
from codexd.store.tombstones import lend_conversation, lend_response

MOST_BYTES: Final = 64 * 2**20
"""How large a history may be when nobody says otherwise."""

_FIND: Final = "SELECT number, standing FROM response WHERE owner = ? AND id = ? AND gone = 0"

# The answer itself is at depth 0. The first of a line may belong to a conversation: then that comes before
# it, as far as the answer saw it.
_WITHIN: Final = """
WITH RECURSIVE line (number, parent, room, seen, depth) AS (
    SELECT number, parent, room, seen, 0 FROM response WHERE number = :number
    UNION ALL
    SELECT response.number, response.parent, response.room, response.seen, depth + 1
    FROM line JOIN response ON response.number = line.parent
), said AS (
    SELECT depth, 1 AS own, item.number AS place, item.id, item.body
    FROM line JOIN item ON item.response = line.number
    WHERE depth > 0 OR NOT item.output OR :answer
    UNION ALL
    SELECT depth, 0, item.number, item.id, item.body
    FROM line JOIN item ON item.conversation = line.room AND item.number <= line.seen
)
"""
_LINE: Final = "".join((_WITHIN, "SELECT id, body FROM said ORDER BY depth DESC, own, place"))
# Known before anything is read: what is sorted is in memory, all of it.
_SIZE: Final = "".join((_WITHIN, "SELECT coalesce(sum(length(body)), 0) FROM said"))
_ROOM_SIZE: Final = "SELECT coalesce(sum(length(body)), 0) FROM item WHERE conversation = ?"
_REFERENCE: Final = """
SELECT item.id, item.body FROM item
LEFT JOIN response ON response.number = item.response
LEFT JOIN conversation ON conversation.number = item.conversation
WHERE item.owner = ? AND item.id = ? AND coalesce(response.gone, conversation.gone) = 0
ORDER BY item.number DESC LIMIT 1
"""


def recall(
    connection: sqlite3.Connection, wanted: Wanted, until: float, most_bytes: int = MOST_BYTES
) -> Recalled:
    """Give what a request goes on from (`IResponseStore.recall`).

    Args:
        connection: the store's.
        wanted: what it goes on from.
        until: Unix time in seconds until which that is lent to the request.
        most_bytes: how large a history may be.

    Raises:
        Refused: `history_too_large`.
    """
    items = _referenced(connection, wanted)
    if wanted.previous is not None:
        return _from_response(connection, wanted.owner, wanted.previous, items, until, most_bytes)
    if wanted.conversation is not None:
        return _from_conversation(connection, wanted.owner, wanted.conversation, items, until, most_bytes)
    return Recalled(items=items)


def input_items(
    connection: sqlite3.Connection, owner: str, id: str, most_bytes: int = MOST_BYTES
) -> tuple[KeptItem, ...] | None:
    """Give what the model was shown for an answer, oldest first.

    Raises:
        Refused: `history_too_large`.
    """
    found = connection.execute(_FIND, (owner, id)).fetchone()
    return None if found is None else _line(connection, found[0], False, most_bytes)


def conversation_items(
    connection: sqlite3.Connection, owner: str, id: str, most_bytes: int = MOST_BYTES
) -> tuple[KeptItem, ...] | None:
    """List a conversation's items, oldest first.

    Raises:
        Refused: `history_too_large`.
    """
    number = find(connection, owner, id)
    return None if number is None else _room(connection, number, most_bytes)[0]


def _from_response(
    connection: sqlite3.Connection,
    owner: str,
    id: str,
    items: dict[str, KeptItem],
    until: float,
    most_bytes: int,
) -> Recalled:
    found = connection.execute(_FIND, (owner, id)).fetchone()
    if found is None:
        return Recalled(None, items=items)
    number, standing = found
    lend_response(connection, number, until)
    return Recalled(_line(connection, number, True, most_bytes), standing, items)


def _from_conversation(
    connection: sqlite3.Connection,
    owner: str,
    id: str,
    items: dict[str, KeptItem],
    until: float,
    most_bytes: int,
) -> Recalled:
    number = find(connection, owner, id)
    if number is None:
        return Recalled(None, items=items)
    lend_conversation(connection, number, until)
    history, seen = _room(connection, number, most_bytes)
    return Recalled(history, items=items, seen=seen)


def _line(connection: sqlite3.Connection, number: int, answer: bool, most_bytes: int) -> tuple[KeptItem, ...]:
    which = {"number": number, "answer": answer}
    _must_fit(connection.execute(_SIZE, which), most_bytes)
    rows = connection.execute(_LINE, which)
    return tuple(KeptItem(id, body) for id, body in rows.fetchall())


def _room(connection: sqlite3.Connection, number: int, most_bytes: int) -> tuple[tuple[KeptItem, ...], int]:
    _must_fit(connection.execute(_ROOM_SIZE, (number,)), most_bytes)
    return entries(connection, number)


def _must_fit(counted: sqlite3.Cursor, most_bytes: int) -> None:
    if counted.fetchone()[0] > most_bytes:
        raise Refused(fault("history_too_large"))


def _referenced(connection: sqlite3.Connection, wanted: Wanted) -> dict[str, KeptItem]:
    found = (connection.execute(_REFERENCE, (wanted.owner, id)).fetchone() for id in wanted.references)
    return {row[0]: KeptItem(*row) for row in found if row is not None}
