"""How something is deleted: hidden at once, removed when nothing needs it any more.

What goes on from a deleted answer keeps its history, so the answer's items stay as long as there is such a
one, or a request under way that may become one (`lend`). Its body and its stream go at once.
"""

import sqlite3
from typing import Final

_HIDE_RESPONSE: Final = "UPDATE response SET gone = number, body = x'' WHERE number = ?"
_HIDE_CONVERSATION: Final = "UPDATE conversation SET gone = number, body = x'' WHERE number = ?"

_UNNEEDED_RESPONSE: Final = """
SELECT parent, room FROM response WHERE number = ? AND gone <> 0
AND NOT EXISTS (SELECT 1 FROM response AS child WHERE child.parent = response.number)
AND NOT EXISTS (SELECT 1 FROM lent_response AS lent WHERE lent.number = response.number)
"""
_REMOVE_CONVERSATION: Final = """
DELETE FROM conversation WHERE number = ? AND gone <> 0
AND NOT EXISTS (SELECT 1 FROM response WHERE room = conversation.number)
AND NOT EXISTS (SELECT 1 FROM lent_conversation AS lent WHERE lent.number = conversation.number)
"""


def hide_response(connection: sqlite3.Connection, number: int) -> None:
    """Delete an answer."""
    connection.execute(_HIDE_RESPONSE, (number,))
    connection.execute("DELETE FROM frames WHERE response = ?", (number,))
    remove_response(connection, number)


def hide_conversation(connection: sqlite3.Connection, number: int) -> None:
    """Delete a conversation."""
    connection.execute(_HIDE_CONVERSATION, (number,))
    remove_conversation(connection, number)


def remove_response(connection: sqlite3.Connection, number: int | None) -> None:
    """Remove a hidden answer that nothing needs, and then of what it went on from what nothing needs now."""
    while number is not None:
        unneeded = connection.execute(_UNNEEDED_RESPONSE, (number,)).fetchone()
        if unneeded is None:
            return
        connection.execute("DELETE FROM response WHERE number = ?", (number,))
        number, room = unneeded
        if room is not None:
            remove_conversation(connection, room)


def remove_conversation(connection: sqlite3.Connection, number: int) -> None:
    """Remove a hidden conversation that nothing needs."""
    connection.execute(_REMOVE_CONVERSATION, (number,))


def lend_response(connection: sqlite3.Connection, number: int, until: float) -> None:
    """Let an answer stay, at least hidden, until a Unix time in seconds."""
    connection.execute("INSERT OR REPLACE INTO lent_response VALUES (?, ?)", (number, until))


def lend_conversation(connection: sqlite3.Connection, number: int, until: float) -> None:
    """Let a conversation stay, at least hidden, until a Unix time in seconds."""
    connection.execute("INSERT OR REPLACE INTO lent_conversation VALUES (?, ?)", (number, until))


def take_back(connection: sqlite3.Connection, now: float) -> None:
    """Remove what was only still there because it was lent."""
    for due, end, remove in _LENT:
        numbers = connection.execute(due, (now,)).fetchall()
        connection.execute(end, (now,))
        for (number,) in numbers:
            remove(connection, number)


def remove_unneeded(connection: sqlite3.Connection) -> None:
    """Remove all that is hidden and needed by nothing: at the start, what was lent at the last end."""
    for hidden, remove in _HIDDEN:
        for (number,) in connection.execute(hidden).fetchall():
            remove(connection, number)


_LENT: Final = (
    (
        "SELECT number FROM lent_response WHERE until <= ?",
        "DELETE FROM lent_response WHERE until <= ?",
        remove_response,
    ),
    (
        "SELECT number FROM lent_conversation WHERE until <= ?",
        "DELETE FROM lent_conversation WHERE until <= ?",
        remove_conversation,
    ),
)
_HIDDEN: Final = (
    ("SELECT number FROM response WHERE gone <> 0", remove_response),
    ("SELECT number FROM conversation WHERE gone <> 0", remove_conversation),
)
