"""What came before: the line of answers one goes on from, back to its beginning."""

import sqlite3
from typing import Final

from codexd.neutral.kept import KeptItem, Recalled, Wanted
from codexd.store.conversations import entries, find
from codexd.store.tombstones import lend_conversation, lend_response

_FIND: Final = "SELECT number, standing FROM response WHERE owner = ? AND id = ? AND gone = 0"

# The answer itself is at depth 0. The first of a line may belong to a conversation: then that comes before
# it, as far as the answer saw it.
_LINE: Final = """
WITH RECURSIVE line (number, parent, room, seen, depth) AS (
    SELECT number, parent, room, seen, 0 FROM response WHERE number = :number
    UNION ALL
    SELECT response.number, response.parent, response.room, response.seen, depth + 1
    FROM line JOIN response ON response.number = line.parent
)
SELECT id, body FROM (
    SELECT depth, 1 AS own, item.number AS place, item.id, item.body
    FROM line JOIN item ON item.response = line.number
    WHERE depth > 0 OR NOT item.output OR :answer
    UNION ALL
    SELECT depth, 0, item.number, item.id, item.body
    FROM line JOIN item ON item.conversation = line.room AND item.number <= line.seen
)
ORDER BY depth DESC, own, place
"""
_REFERENCE: Final = """
SELECT item.id, item.body FROM item
LEFT JOIN response ON response.number = item.response
LEFT JOIN conversation ON conversation.number = item.conversation
WHERE item.owner = ? AND item.id = ? AND coalesce(response.gone, conversation.gone) = 0
ORDER BY item.number DESC LIMIT 1
"""


def recall(connection: sqlite3.Connection, wanted: Wanted, until: float) -> Recalled:
    """Give what a request goes on from (`IResponseStore.recall`).

    Args:
        connection: the store's.
        wanted: what it goes on from.
        until: Unix time in seconds until which that is lent to the request.
    """
    items = _referenced(connection, wanted)
    if wanted.previous is not None:
        return _from_response(connection, wanted.owner, wanted.previous, items, until)
    if wanted.conversation is not None:
        return _from_conversation(connection, wanted.owner, wanted.conversation, items, until)
    return Recalled(items=items)


def input_items(connection: sqlite3.Connection, owner: str, id: str) -> tuple[KeptItem, ...] | None:
    """Give what the model was shown for an answer, oldest first."""
    found = connection.execute(_FIND, (owner, id)).fetchone()
    return None if found is None else _line(connection, found[0], answer=False)


def _from_response(
    connection: sqlite3.Connection, owner: str, id: str, items: dict[str, KeptItem], until: float
) -> Recalled:
    found = connection.execute(_FIND, (owner, id)).fetchone()
    if found is None:
        return Recalled(None, items=items)
    number, standing = found
    lend_response(connection, number, until)
    return Recalled(_line(connection, number, answer=True), standing, items)


def _from_conversation(
    connection: sqlite3.Connection, owner: str, id: str, items: dict[str, KeptItem], until: float
) -> Recalled:
    number = find(connection, owner, id)
    if number is None:
        return Recalled(None, items=items)
    lend_conversation(connection, number, until)
    history, seen = entries(connection, number)
    return Recalled(history, items=items, seen=seen)


def _line(connection: sqlite3.Connection, number: int, answer: bool) -> tuple[KeptItem, ...]:
    rows = connection.execute(_LINE, {"number": number, "answer": answer})
    return tuple(KeptItem(id, body) for id, body in rows.fetchall())


def _referenced(connection: sqlite3.Connection, wanted: Wanted) -> dict[str, KeptItem]:
    found = (connection.execute(_REFERENCE, (wanted.owner, id)).fetchone() for id in wanted.references)
    return {row[0]: KeptItem(*row) for row in found if row is not None}
