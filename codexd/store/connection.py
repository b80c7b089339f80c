"""Prepares a new SQLite connection for the store."""

import sqlite3
from typing import Final

from codexd.store.schema import check_file, migrate

IN_MEMORY: Final = ":memory:"

BUSY_MILLISECONDS: Final = 5000
"""How long a call waits for a lock of another program."""

# The order matters: the first page fixes auto_vacuum, and setting journal_mode writes that page.
# secure_delete overwrites deleted content. temp_store keeps savepoints and sorting in memory.
_PRAGMAS: Final = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA journal_size_limit = 67108864;
PRAGMA foreign_keys = ON;
PRAGMA secure_delete = ON;
PRAGMA temp_store = MEMORY;
"""

# Leases on what running requests continue: a leased row that is deleted stays until the lease ends.
_LEASES: Final = """
CREATE TEMP TABLE response_lease (number INTEGER PRIMARY KEY, until REAL NOT NULL);
CREATE TEMP TABLE conversation_lease (number INTEGER PRIMARY KEY, until REAL NOT NULL);
"""


def limit_size(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Limit the size of the file: a write beyond it fails as on a full disk."""
    page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {max(1, max_bytes // page_bytes)}")


def fill_ratio(connection: sqlite3.Connection) -> float:
    """Return which part of the maximum file size is in use, from 0 to 1."""
    pages, free_pages, max_pages = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "max_page_count")
    )
    return float((pages - free_pages) / max_pages)


def prepare(connection: sqlite3.Connection, sync: bool = False) -> None:
    """Prepare a new connection: set its pragmas, migrate the schema, create empty lease tables.

    Args:
        connection: opened with `isolation_level=None`, so that only explicit statements begin transactions.
        sync: wait for the disk at every commit (`PRAGMA synchronous`: FULL, else NORMAL).

    Raises:
        UnusableFileError: when the file belongs to another program or to a newer codexd.
        sqlite3.Error: when the file is not a database.
    """
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    check_file(connection)
    connection.executescript(_PRAGMAS)
    connection.execute(f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}")
    migrate(connection)
    connection.executescript(_LEASES)
