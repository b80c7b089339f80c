"""The faults of the store's file, by kind, and the SQLite errors that show them.

The result codes are SQLite's (https://www.sqlite.org/rescode.html).
"""

import sqlite3
from collections.abc import Mapping
from typing import Final, Literal

StoreProblem = Literal["vanished", "corrupt", "full", "locked", "read_only", "io_error", "stalled"]
"""What is wrong with the file: the label of the metric and the word in the health report."""

ADVICE: Final[Mapping[StoreProblem, str]] = {
    "vanished": "the file is not at its path any more; its content is restored there as soon as that is possible",
    "corrupt": "the file is damaged; stop the daemon, run `codexd store check`, then `codexd store restore BACKUP`",
    "full": "the disk or the file is full; free space, or raise responses.database_bytes",
    "locked": "another program holds a write lock on the file",
    "read_only": "the file cannot be written",
    "io_error": "reading or writing the file failed",
    "stalled": "the disk does not respond",
}
"""What an operator is told of each kind."""

_KINDS: Final[Mapping[int, StoreProblem]] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_PERM: "read_only",
    sqlite3.SQLITE_IOERR: "io_error",
    sqlite3.SQLITE_CANTOPEN: "io_error",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
}
_PRIMARY: Final = 0xFF
"""The bits of an extended result code that hold the primary one."""


class FileProblemError(Exception):
    """The file cannot be written, whatever the call; `why` is for the log and contains no stored content."""

    def __init__(self, kind: StoreProblem, why: str = "") -> None:
        super().__init__(kind, why)
        self.kind = kind
        self.why = why


def classify(error: BaseException | None) -> StoreProblem | None:
    """Return which fault of the file an exception shows; None when it shows none."""
    if isinstance(error, FileProblemError):
        return error.kind
    if isinstance(error, sqlite3.Error):
        return _KINDS.get(getattr(error, "sqlite_errorcode", 0) & _PRIMARY)
    return "io_error" if isinstance(error, OSError) else None


def affects_every_write(error: BaseException) -> bool:
    """Return whether every write would fail like this one; on a full disk a smaller one may succeed."""
    return classify(error) not in (None, "full")
