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
from codexd.store.schema import UnusableFileError, check_file
from codexd.store.tombstones import purge_unreferenced

NAME: Final = "responses.sqlite3"
_MODE: Final = 0o600
_SUFFIXES: Final = ("", "-wal", "-shm")


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

    @classmethod
    def acquire(cls, path: str) -> "DatabaseLock":
        """Lock a file, create it if missing, and check that it is a store; `:memory:` needs no lock.

        Raises:
            ConfigurationError: when another daemon has locked the file, it cannot be written, or it is not a
                store.
        """
        if path == IN_MEMORY:
            return cls(None)
        lock = cls(_lock_file(path))
        try:
            _check_database(path)
        except BaseException:
            lock.release()
            raise
        return lock

    def release(self) -> None:
        """Release the lock. The lock file stays: removing it would race with a process that waits for it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock_file(path: str) -> int:
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, _MODE)
    except OSError as error:
        raise ConfigurationError(f"responses.database: {path}.lock cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise ConfigurationError(
            f"responses.database: {path} is in use by another codexd; each daemon needs its own file"
        ) from error
    return lock


def check_database(path: str) -> None:
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
        _make_private(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            purge_unreferenced(connection)
            connection.execute("COMMIT")


@contextmanager
def _reported(path: str) -> Iterator[None]:
    """Report the errors of a file as errors of the setting."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"responses.database: {path} cannot be written: {error.strerror}") from error
    except UnusableFileError as error:
        raise ConfigurationError(f"responses.database: {path} {error}") from error
    except sqlite3.Error as error:
        raise ConfigurationError(f"responses.database: {path} cannot be used: {error}") from error


def _make_private(path: str) -> None:
    """Restrict the file to its user; SQLite gives the files beside it the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, _MODE))
    for suffix in _SUFFIXES:
        if os.path.exists(path + suffix):
            os.chmod(path + suffix, _MODE)
