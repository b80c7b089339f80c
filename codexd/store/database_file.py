"""Locates the store's file, makes it private to its user and locks it for one daemon."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from errno import EACCES
from pathlib import Path
from typing import Final

from attrs import define

from codexd.configuration import ConfigurationError
from codexd.settings import Responses
from codexd.store.connection import IN_MEMORY, prepare
from codexd.store.copying import check_database, remove_database
from codexd.store.file_identity import SUFFIXES, Inode, read_inode
from codexd.store.problem import FileProblemError, classify
from codexd.store.schema import UnusableFileError, check_file
from codexd.store.tombstones import purge_unreferenced

NAME: Final = "responses.sqlite3"
_MODE: Final = 0o600

_START_CHECK_SECONDS: Final = 5.0
"""The longest check of a file that the last daemon did not close."""

_HELP: Final = (
    "; run `codexd store check`, then `codexd store restore BACKUP`, or move the file and those beside it away to start"
    " with an empty store"
)


def locate_database(responses: Responses, state: Path) -> str:
    """Return the configured file, else `responses.sqlite3` in codexd's state directory, which is created.

    Raises:
        ConfigurationError: when the configured file's directory does not exist, or the state directory cannot
            be created.
    """
    if responses.database == IN_MEMORY:
        return IN_MEMORY
    if responses.database is None:
        return str(_create_directory(state) / NAME)
    # Two names of one file must lead to the same lock file.
    path = Path(responses.database).expanduser().resolve()
    if not os.path.isdir(path.parent):  # False also where it cannot be reached
        raise ConfigurationError(f"responses.database: {path.parent} is not a directory")
    return str(path)


def _create_directory(state: Path) -> Path:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"responses.database: {state} cannot be created: {error.strerror}") from error
    return state.resolve()


@define
class DatabaseLock:
    """An exclusive lock on the store's file, held until `release` or the end of the process."""

    _lock: int | None
    _inode: Inode = None

    @classmethod
    def hold(cls, path: str) -> "DatabaseLock":
        """Lock a file without looking at it; `:memory:` needs no lock.

        Raises:
            ConfigurationError: when a daemon has locked the file, or the lock file cannot be written.
        """
        if path == IN_MEMORY:
            return cls(None)
        return cls(_lock_file(path), read_inode(_lock_path(path)))

    @classmethod
    def acquire(cls, path: str) -> "DatabaseLock":
        """Lock a file, create it if missing, and check that it is a store.

        Raises:
            ConfigurationError: when another daemon has locked the file, it cannot be written, or it is not a
                store.
        """
        lock = cls.hold(path)
        if path == IN_MEMORY:
            return lock
        try:
            _check_database(path)
        except BaseException:
            lock.release()
            raise
        return lock

    def is_at(self, path: str) -> bool:
        """Return whether the locked file is the lock file of a path, so that no other daemon can lock that."""
        return read_inode(_lock_path(path)) == self._inode

    def renew(self, path: str) -> None:
        """Lock the lock file of a path if it is another one by now.

        Raises:
            OSError: when it cannot be created, or another daemon has locked it.
        """
        if self.is_at(path):
            return
        lock = _open_lock(path)
        self.release()
        self._lock, self._inode = lock, read_inode(_lock_path(path))

    def release(self) -> None:
        """Release the lock. The lock file stays: removing it would race with a process that waits for it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def is_locked(path: str) -> bool:
    """Return whether a daemon, or a command that changes the file, has locked it."""
    if not os.path.exists(_lock_path(path)):
        return False
    try:
        os.close(_open_lock(path))
    except BlockingIOError:
        return True
    return False


def _lock_path(path: str) -> str:
    return f"{path}.lock"


def _lock_file(path: str) -> int:
    try:
        return _open_lock(path)
    except BlockingIOError as error:
        raise ConfigurationError(
            f"responses.database: {path} is in use by another codexd; each daemon needs its own file"
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"responses.database: {_lock_path(path)} cannot be written: {error.strerror}"
        ) from error


def _open_lock(path: str) -> int:
    lock = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT, _MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(lock)
        raise
    return lock


def check_location(path: str) -> None:
    """Check that a file can be the store, without creating, changing or locking it.

    Raises:
        ConfigurationError: when it cannot be written, or is not a store.
    """
    if path == IN_MEMORY:
        return
    exists = os.path.exists(path)
    with _reported(path):
        if not os.access(path if exists else os.path.dirname(path), os.R_OK | os.W_OK, effective_ids=True):
            raise PermissionError(EACCES, os.strerror(EACCES))
        if exists:
            with closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True)) as connection:
                check_file(connection)


def _check_database(path: str) -> None:
    """Open the file once, synchronously, so that a bad file stops the start."""
    with _reported(path):
        was_closed = _check_log(path)
        _make_private(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            prepare(connection)
            if not was_closed:
                check_database(connection, _START_CHECK_SECONDS)
            connection.execute("BEGIN IMMEDIATE")
            purge_unreferenced(connection)
            connection.execute("COMMIT")
        # What a daemon left that was killed while it restored the file.
        remove_database(f"{path}.restoring")


@contextmanager
def _reported(path: str) -> Iterator[None]:
    """Report the errors of a file as errors of the setting."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"responses.database: {path} cannot be written: {error.strerror}") from error
    except UnusableFileError as error:
        raise ConfigurationError(f"responses.database: {path} {error}") from error
    except FileProblemError as error:
        raise ConfigurationError(f"responses.database: {path} is damaged: {error.why}{_HELP}") from error
    except sqlite3.Error as error:
        help = _HELP if classify(error) == "corrupt" else ""
        raise ConfigurationError(f"responses.database: {path} cannot be used: {error}{help}") from error


def _check_log(path: str) -> bool:
    """Return whether the last daemon closed the file, which removes the log beside it.

    Raises:
        FileProblemError: when there is a log, or a copy to restore, without a file. SQLite would begin an empty
            store.
    """
    missing = not _size(path)
    if missing and os.path.exists(f"{path}.restoring"):
        raise FileProblemError("corrupt", f"it was being restored from {path}.restoring")
    if not _size(f"{path}-wal"):
        return True
    if missing:
        raise FileProblemError("corrupt", f"the file is missing or empty, but {path}-wal has changes")
    return False


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _make_private(path: str) -> None:
    """Restrict the file to its user; SQLite gives the files beside it the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, _MODE))
    for suffix in SUFFIXES:
        if os.path.exists(path + suffix):
            os.chmod(path + suffix, _MODE)
