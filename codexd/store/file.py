"""The store's file: where it is, that only its user reads it, and that only one daemon has it."""

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from attrs import define

from codexd.configuration import Misconfigured
from codexd.settings import Responses
from codexd.store.connection import IN_MEMORY, prepare
from codexd.store.schema import Unusable
from codexd.store.tombstones import remove_unneeded

NAME: Final = "responses.sqlite3"
_MODE: Final = 0o600
_BESIDE: Final = ("", "-wal", "-shm")


def located(responses: Responses, state: Path) -> str:
    """Find the file: the one chosen, else `responses.sqlite3` in codexd's state directory, which is made.

    Raises:
        Misconfigured: when a chosen file's directory does not exist, or codexd's own cannot be made.
    """
    if responses.store == IN_MEMORY:
        return IN_MEMORY
    if responses.store is None:
        return str(_made(state) / NAME)
    # Two names of one file must be one lock.
    path = Path(responses.store).expanduser().resolve()
    if not path.parent.is_dir():
        raise Misconfigured(f"responses.store: {path.parent} is not a directory")
    return str(path)


def _made(state: Path) -> Path:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"responses.store: {state} cannot be made: {error.strerror}") from error
    return state.resolve()


@define
class Claim:
    """A file that is this process's alone, until it lets go or dies."""

    _lock: int | None

    @classmethod
    def of(cls, path: str) -> "Claim":
        """Claim a file, made if there is none, and see that it is a store; `:memory:` is always free.

        Raises:
            Misconfigured: when another daemon has it, it cannot be written, or it is not a store of ours.
        """
        if path == IN_MEMORY:
            return cls(None)
        claim = cls(_locked(path))
        try:
            _check(path)
        except BaseException:
            claim.release()
            raise
        return claim

    def release(self) -> None:
        """Let another daemon have it. The lock file stays: to remove it would race with who waits for it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _locked(path: str) -> int:
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, _MODE)
    except OSError as error:
        raise Misconfigured(f"responses.store: {path}.lock cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise Misconfigured(
            f"responses.store: {path} is in use by another codexd; give each daemon a file of its own"
        ) from error
    return lock


def _check(path: str) -> None:
    """Open the file once, here and now, so that what is wrong with it stops the start."""
    try:
        _private(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            remove_unneeded(connection)
            connection.execute("COMMIT")
    except OSError as error:
        raise Misconfigured(f"responses.store: {path} cannot be written: {error.strerror}") from error
    except Unusable as error:
        raise Misconfigured(f"responses.store: {path} {error}") from error
    except sqlite3.Error as error:
        raise Misconfigured(f"responses.store: {path} cannot be used: {error}") from error


def _private(path: str) -> None:
    """Make the file its user's alone; what SQLite makes beside it takes after it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, _MODE))
    for beside in _BESIDE:
        if os.path.exists(path + beside):
            os.chmod(path + beside, _MODE)
