"""The tables of a store file, and the way from any older version of them to this one.

A file says which version it is in `PRAGMA user_version`: the number of scripts that were run on it. A script
that was released is never changed; what is new is a further script.
"""

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x63647864
"""What `PRAGMA application_id` of our files says: `cdxd`."""

_FIRST: Final = """
-- `gone` is 0, or the row's own number once it was deleted: then only what goes on from it needs it.
CREATE TABLE conversation (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    touched REAL NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX conversation_name ON conversation (owner, id, gone);
CREATE INDEX conversation_age ON conversation (touched) WHERE gone = 0;

-- `previous` and `conversation` are the ids as they were asked for; `parent` and `room` are what they meant.
CREATE TABLE response (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    standing TEXT NOT NULL,
    background INTEGER NOT NULL,
    previous TEXT,
    conversation TEXT,
    parent INTEGER REFERENCES response (number),
    room INTEGER REFERENCES conversation (number),
    seen INTEGER,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX response_name ON response (owner, id, gone);
CREATE INDEX response_parent ON response (parent) WHERE parent IS NOT NULL;
CREATE INDEX response_room ON response (room) WHERE room IS NOT NULL;
CREATE INDEX response_age ON response (created) WHERE gone = 0 AND standing = 'over';
CREATE INDEX response_unfinished ON response (number) WHERE gone = 0 AND standing <> 'over';

-- An item of a response or of a conversation. A number is never used twice: a response of a conversation
-- remembers by it how much of that it saw.
CREATE TABLE item (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    response INTEGER REFERENCES response (number) ON DELETE CASCADE,
    conversation INTEGER REFERENCES conversation (number) ON DELETE CASCADE,
    output INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL
);
CREATE INDEX item_name ON item (owner, id);
CREATE INDEX item_response ON item (response) WHERE response IS NOT NULL;
CREATE INDEX item_conversation ON item (conversation) WHERE conversation IS NOT NULL;
CREATE UNIQUE INDEX item_entry ON item (conversation, id) WHERE conversation IS NOT NULL;

-- The stream of a background answer, compressed with Zstandard (RFC 8878).
CREATE TABLE frames (
    response INTEGER PRIMARY KEY REFERENCES response (number) ON DELETE CASCADE,
    body BLOB NOT NULL
);
"""

SCRIPTS: Final = (_FIRST,)
"""One script a version."""


class Unusable(Exception):
    """A file that cannot be our store; says why in words that follow its name."""


def check(connection: sqlite3.Connection, scripts: tuple[str, ...] = SCRIPTS) -> None:
    """See that a file is empty or ours, without changing it.

    Raises:
        Unusable: when it is another program's, or a newer codexd's.
        sqlite3.DatabaseError: when it is no database.
    """
    if _pragma(connection, "application_id") != APPLICATION_ID and not _empty(connection):
        raise Unusable("is a database of another program")
    version = _pragma(connection, "user_version")
    if version > len(scripts):
        raise Unusable(f"was written by a newer codexd (version {version}, this one knows {len(scripts)})")


def migrate(connection: sqlite3.Connection, scripts: tuple[str, ...] = SCRIPTS) -> None:
    """Bring a file that was checked to the newest version, each step in one transaction.

    Raises:
        sqlite3.Error: when a step fails; the file is then as it was before that step.
    """
    version = _pragma(connection, "user_version")
    for number, script in enumerate(scripts[version:], version + 1):
        _step(connection, number, script)


def _step(connection: sqlite3.Connection, number: int, script: str) -> None:
    marks = f"PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION_ID};"
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {script} {marks} COMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
