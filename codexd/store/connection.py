"""How a connection is made ready before anything is asked of it."""

import sqlite3
from typing import Final

from codexd.store.schema import check, migrate

IN_MEMORY: Final = ":memory:"

# In this order: how pages are given back is fixed by the first page, which the journal's mode writes.
# What is deleted is overwritten. Savepoints and sorting stay in memory.
_PRAGMAS: Final = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA journal_size_limit = 67108864;
PRAGMA foreign_keys = ON;
PRAGMA secure_delete = ON;
PRAGMA temp_store = MEMORY;
"""

# What requests under way go on from: should it be deleted meanwhile, it stays until they are through.
_LENT: Final = """
CREATE TEMP TABLE lent_response (number INTEGER PRIMARY KEY, until REAL NOT NULL);
CREATE TEMP TABLE lent_conversation (number INTEGER PRIMARY KEY, until REAL NOT NULL);
"""


def limit(connection: sqlite3.Connection, most_bytes: int) -> None:
    """Let the file become no larger: what would make it is refused as on a full disk."""
    page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {max(1, most_bytes // page_bytes)}")


def fullness(connection: sqlite3.Connection) -> float:
    """Tell how much of what the file may become is in use, from 0 to 1."""
    pages, free, most = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "max_page_count")
    )
    return float((pages - free) / most)


def prepare(connection: sqlite3.Connection, sync: bool = False) -> None:
    """Make a new connection one of the store's: its settings, the newest tables, nothing lent.

    Args:
        connection: with `isolation_level=None`, so that transactions are only where they are asked for.
        sync: wait for the disk at every commit (`PRAGMA synchronous`: FULL, else NORMAL).

    Raises:
        Unusable: when the file is another program's, or a newer codexd's.
        sqlite3.Error: when it is no database.
    """
    connection.execute("PRAGMA busy_timeout = 5000")
    check(connection)
    connection.executescript(_PRAGMAS)
    connection.execute(f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}")
    migrate(connection)
    connection.executescript(_LENT)
