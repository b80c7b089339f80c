"""Copies a database with SQLite's online backup, checks the copy, and puts it at a path in one step."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Final

from codexd.store.file_identity import SUFFIXES
from codexd.store.problem import FileProblemError
from codexd.store.schema import check_file

_MODE: Final = 0o600
_STEP: Final = 10_000
"""The virtual machine instructions between two looks at the clock."""


def copy_database(source: sqlite3.Connection, path: str) -> None:
    """Write a checked copy of a database to a new file, with mode 600, and wait for the disk.

    An existing file is overwritten. On failure nothing is left at the path.

    Raises:
        FileProblemError: `corrupt` when the copy is not a sound store.
        sqlite3.Error: when the source cannot be read or the copy cannot be written.
        OSError: when the copy cannot be written.
    """
    remove_database(path)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE))
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            # In one step: between steps a change of another process would start it again from the beginning.
            source.backup(copy)
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            check_database(copy, full=True)
        sync_file(path)
    except BaseException:
        with suppress(OSError):
            remove_database(path)
        raise


def install_database(prepared: str, path: str) -> None:
    """Put a prepared file at a path, in place of what is there, and wait for the disk.

    A log of another file must not stay beside it: SQLite would apply it.

    Raises:
        OSError: when the directory cannot be written.
    """
    for suffix in ("-wal", "-shm"):
        Path(path + suffix).unlink(missing_ok=True)
    os.replace(prepared, path)
    sync_file(str(Path(path).parent))


def remove_database(path: str) -> None:
    """Remove a database with the files beside it; missing files are no error."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(path + suffix).unlink(missing_ok=True)


def check_database(connection: sqlite3.Connection, seconds: float | None = None, full: bool = False) -> bool:
    """Check the structure of a database, and return whether the check was complete.

    Args:
        connection: an open connection.
        seconds: end the check after this time; None for no limit.
        full: also compare the indexes with their tables.

    Raises:
        FileProblemError: `corrupt` when it is damaged.
        UnusableFileError: when it belongs to another program or to a newer codexd.
        sqlite3.DatabaseError: when it is damaged beyond reading.
    """
    check_file(connection)
    deadline = None if seconds is None else monotonic() + seconds
    expired: Callable[[], bool] = lambda: deadline is not None and monotonic() > deadline  # noqa: E731
    connection.set_progress_handler(expired, _STEP)
    try:
        (report,) = connection.execute(f"PRAGMA {'integrity' if full else 'quick'}_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        raise
    finally:
        connection.set_progress_handler(None, 0)
    if report != "ok":
        raise FileProblemError("corrupt", str(report).splitlines()[-1])
    return True


def name_aside(path: str, word: str) -> str:
    """Return a name beside a path, with the time, under which nothing is stored yet."""
    stem = f"{path}.{word}-{time.strftime('%Y%m%dT%H%M%S')}"
    names = (stem if number == 0 else f"{stem}-{number}" for number in count())
    return next(name for name in names if not any(os.path.lexists(name + suffix) for suffix in SUFFIXES))


def sync_file(path: str) -> None:
    """Wait until a file, or the entries of a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
