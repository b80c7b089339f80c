"""The store's file and the connection to it, in the thread that runs the SQL.

This code does not use Twisted.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from codexd.store.connection import BUSY_MILLISECONDS, IN_MEMORY, limit_size, prepare
from codexd.store.copying import check_database, copy_database, install_database, name_aside
from codexd.store.database_file import DatabaseLock
from codexd.store.file_identity import SUFFIXES, FileIdentity, read_inode
from codexd.store.problem import FileProblemError, classify
from codexd.store.schema import UnusableFileError

_CHECK_SECONDS: Final = 60.0
"""The longest check of a file that replaces a damaged one."""

_DEGRADED_TIMEOUT: Final = 200
"""Milliseconds to wait for another program's lock while it is known to be held."""

_LEASE_TABLES: Final = ("response_lease", "conversation_lease")


class OpenDatabase:
    """One connection to the file, opened when it is first needed, and reopened after faults of the file.

    A change is safe when the path names the open files after its commit. If it does not, the content of the
    open files is copied back to the path. A file that was put there meanwhile is moved aside.

    Args:
        path: the file, or `:memory:`.
        sync: wait for the disk at every commit.
        max_bytes: the largest size of the file; None for SQLite's limit.
        lock: the lock on the file, renewed when its file vanishes.
        on_restored: called, in the thread, when the content was copied back to the path, with the name of the
            file that was moved aside, None if there was none.

    Attributes:
        identity: the files that it has open, None before it is opened and in memory.
    """

    def __init__(
        self,
        path: str,
        sync: bool = False,
        max_bytes: int | None = None,
        lock: DatabaseLock | None = None,
        on_restored: Callable[[str | None], object] = lambda _: None,
    ) -> None:
        self._path = path
        self._sync = sync
        self._max_bytes = max_bytes
        self._lock = lock
        self._on_restored = on_restored
        self._connection: sqlite3.Connection | None = None
        self.identity: FileIdentity | None = None
        self._missing = False
        self._damaged: FileProblemError | None = None
        self._checked: object = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, opened if it is not.

        Raises:
            sqlite3.Error: when the file cannot be opened.
            UnusableFileError: when the file is not a store of this version.
        """
        if self._connection is None:
            self._use(self._open())
        assert self._connection is not None
        return self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # Before and after every change.

    def verify(self) -> None:
        """Check that changes are safe: the path names the open files, and they are not known to be damaged.

        The first time that the path does not name them, the content is copied back; further attempts are made
        by `probe`.

        Raises:
            FileProblemError: when changes are not safe.
        """
        if self._damaged is not None:
            raise self._damaged
        if self._names_open_files():
            self._missing = False
            return
        if self._missing:
            raise FileProblemError("vanished")
        self._missing = True
        self._restore()

    def note_failure(self, error: BaseException) -> None:
        """Remember what a failed call shows: no change to a damaged file, no long wait for a lock that is held."""
        kind = classify(error)
        if kind == "corrupt" and self._damaged is None:
            self._damaged = FileProblemError("corrupt", "a call found damage")
        if kind == "locked":
            self._set_timeout(_DEGRADED_TIMEOUT)

    # Every few seconds.

    def probe(self, write: bool) -> None:
        """Check the file, recover it if that is possible, and commit a write if asked.

        Raises:
            FileProblemError: when changes are not safe.
            sqlite3.Error: when the file cannot be written.
            OSError: when the file cannot be restored.
        """
        if self._damaged is not None:
            self._replace_damaged()
        self._missing = False
        self.verify()
        if not write:
            return
        try:
            _write(self.connection)
        except sqlite3.Error as error:
            self.note_failure(error)
            if self._damaged is not None or classify(error) in ("full", "locked"):
                raise
            self._use(self._open())
            _write(self.connection)
        self._set_timeout(BUSY_MILLISECONDS)

    # Implementation.

    def _open(self) -> sqlite3.Connection:
        if self._lock is not None and self._path != IN_MEMORY and read_inode(self._path) is None:
            # The lock's owner has created the file; another one would be an empty store.
            raise FileProblemError("vanished")
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            prepare(connection, self._sync)
            if self._max_bytes is not None:
                limit_size(connection, self._max_bytes)
        except BaseException:
            connection.close()
            raise
        return connection

    def _use(self, connection: sqlite3.Connection) -> None:
        """Use a new connection, with the leases of the one before, which is closed."""
        before, self._connection = self._connection, connection
        if self._path != IN_MEMORY:
            self.identity = FileIdentity.of(self._path)
        if before is not None:
            with suppress(sqlite3.Error):
                _copy_leases(before, connection)
            before.close()

    def _names_open_files(self) -> bool:
        if self._path == IN_MEMORY or self._connection is None:
            return True  # while it is not open, there is nothing to lose
        return FileIdentity.of(self._path) == self.identity and (self._lock is None or self._lock.is_at(self._path))

    def _restore(self) -> None:
        """Copy the content of the open files to the path."""
        try:
            if self._lock is not None:
                self._lock.renew(self._path)
            if FileIdentity.of(self._path) != self.identity:
                self._copy_back()
        except (OSError, sqlite3.Error, FileProblemError, UnusableFileError) as error:
            self.note_failure(error)
            if self._damaged is not None:
                raise self._damaged from error
            raise FileProblemError("vanished", f"cannot be restored: {_name(error)}") from error
        self._missing = False

    def _copy_back(self) -> None:
        prepared = f"{self._path}.restoring"
        copy_database(self.connection, prepared)
        aside = self._move_aside()
        install_database(prepared, self._path)
        self._use(self._open())
        self._on_restored(aside)

    def _move_aside(self) -> str | None:
        """Keep a file that another program put at the path under another name, which is returned."""
        assert self.identity is not None
        found = FileIdentity.of(self._path)
        if found.files[0] is None or found.files[0] == self.identity.files[0]:
            return None
        aside = name_aside(self._path, "aside")
        for suffix, inode, ours in zip(SUFFIXES, found.files, self.identity.files, strict=True):
            if inode is not None and inode != ours:
                os.link(self._path + suffix, aside + suffix)
        return aside

    def _replace_damaged(self) -> None:
        """Use the file at the path instead of a damaged one if it is sound; check each version of it once."""
        try:
            status = os.stat(self._path)
        except OSError:
            return
        version = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        if version == self._checked:
            return
        self._checked = version
        try:
            connection = self._open()
        except (sqlite3.Error, UnusableFileError):
            return
        try:
            if not check_database(connection, _CHECK_SECONDS):
                raise FileProblemError("corrupt", "the check took too long")
        except (sqlite3.Error, UnusableFileError, FileProblemError):
            connection.close()
            return
        if self._lock is not None:
            self._lock.renew(self._path)
        self._use(connection)
        self._damaged = None

    def _set_timeout(self, milliseconds: int) -> None:
        with suppress(sqlite3.Error):
            self.connection.execute(f"PRAGMA busy_timeout = {milliseconds}")


def _name(error: BaseException) -> str:
    return getattr(error, "strerror", None) or getattr(error, "sqlite_errorname", None) or type(error).__name__


def _write(connection: sqlite3.Connection) -> None:
    """Commit a change of the first page that changes nothing."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {version}")


def _copy_leases(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    for table in _LEASE_TABLES:
        rows = source.execute(f"SELECT number, until FROM temp.{table}").fetchall()  # noqa: S608
        target.executemany(f"INSERT INTO temp.{table} VALUES (?, ?)", rows)  # noqa: S608
