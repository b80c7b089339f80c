"""The commands of `codexd store`: check, backup, restore and vacuum. They need no running daemon."""

import os
import sqlite3
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from attrs import frozen

from codexd.store.connection import IN_MEMORY
from codexd.store.copying import check_database, copy_database, install_database, name_aside
from codexd.store.database_file import DatabaseLock, is_locked
from codexd.store.file_identity import SUFFIXES, read_inode
from codexd.store.problem import FileProblemError, classify
from codexd.store.schema import SCRIPTS, UnusableFileError

_COUNTS: Final = (
    ("responses", "SELECT count(*) FROM response WHERE deleted = 0"),
    ("conversations", "SELECT count(*) FROM conversation WHERE deleted = 0"),
    ("keys", "SELECT count(DISTINCT owner) FROM response WHERE deleted = 0"),
)
_BUSY_SECONDS: Final = 30.0
"""How long a command waits for a lock on the file, which a daemon holds for a moment when it opens or closes it."""
_HELP: Final = "`codexd store restore BACKUP` restores a backup"


class StoreCommandError(Exception):
    """A command failed; the message is shown to the user."""


@frozen
class _Command:
    """One command: a line for `--help`, its argument if it has one, and what it does."""

    help: str
    argument: str | None
    execute: Callable[[str, Namespace], None]


def parse(argv: Sequence[str]) -> Namespace:
    """Parse the arguments of `codexd store`; exits with status 2 and a message if they are wrong."""
    parser = ArgumentParser(prog="codexd store", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help, allow_abbrev=False)
        subparser.add_argument("--config", help="the configuration file that the daemon uses")
        if command.argument:
            subparser.add_argument("file", metavar=command.argument)
        if name == "backup":
            subparser.add_argument("--force", action="store_true", help="replace an existing file")
    return parser.parse_args(list(argv))


def run(arguments: Namespace, path: str) -> None:
    """Run a command on the database at a path, and print what it did.

    Raises:
        StoreCommandError: when it failed; the file is then as before.
        ConfigurationError: when the file is in use.
    """
    if path == IN_MEMORY:
        raise StoreCommandError("responses.database is `:memory:`: there is no file")
    try:
        COMMANDS[arguments.command].execute(path, arguments)
    except FileProblemError as error:
        raise StoreCommandError(f"the file is damaged: {error.why}; {_HELP}") from error
    except UnusableFileError as error:
        raise StoreCommandError(f"the file {error}") from error
    except sqlite3.Error as error:
        help = f"; {_HELP}" if classify(error) == "corrupt" else ""
        raise StoreCommandError(f"{error}{help}") from error
    except BrokenPipeError:
        raise  # of the output, and not of the file
    except OSError as error:
        raise StoreCommandError(f"{error.filename or path}: {error.strerror}") from error


def _check(path: str, _: Namespace) -> None:
    with closing(_open_existing(path)) as connection:
        connection.execute("BEGIN")
        check_database(connection, full=True)
        if (broken := connection.execute("PRAGMA foreign_key_check").fetchone()) is not None:
            raise FileProblemError("corrupt", f"a row of {broken[0]} refers to a row that is missing")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        counts = _count(connection)
    print(f"{path}: ok")
    print(f"schema version {version} of {len(SCRIPTS)}, {_size(path)} bytes, {counts}")
    print("a daemon uses the file" if is_locked(path) else "no daemon uses the file")


def _backup(path: str, arguments: Namespace) -> None:
    target = str(Path(arguments.file).absolute())
    if read_inode(target) is not None and read_inode(target) == read_inode(path):
        raise StoreCommandError(f"{target} is the database itself")
    if os.path.exists(target) and not arguments.force:
        raise StoreCommandError(f"{target} exists; --force replaces it")
    prepared = f"{target}.partial"
    with closing(_open_existing(path)) as source:
        copy_database(source, prepared)
    install_database(prepared, target)
    with closing(_open_existing(target)) as copy:
        print(f"{target}: {_size(target)} bytes, {_count(copy)}")


def _restore(path: str, arguments: Namespace) -> None:
    backup = str(Path(arguments.file).absolute())
    lock = _lock(path)
    try:
        prepared = f"{path}.restoring"
        with closing(_open_existing(backup)) as source:
            counts = _check_backup(source, backup)
            if read_inode(backup) == read_inode(path):
                raise StoreCommandError(f"{backup} is the database itself")
            if backup != prepared:
                copy_database(source, prepared)
        aside = _move_aside(path)
        install_database(prepared, path)
    finally:
        lock.release()
    print(f"{path}: {counts}")
    if aside:
        print(f"The file that was there before is {aside}")


def _lock(path: str) -> DatabaseLock:
    if is_locked(path):
        raise StoreCommandError(f"a daemon uses {path}: stop it first")
    return DatabaseLock.hold(path)


def _check_backup(source: sqlite3.Connection, backup: str) -> str:
    """Check a backup and count what is in it."""
    try:
        check_database(source, full=True)
        return _count(source)
    except (FileProblemError, UnusableFileError, sqlite3.DatabaseError) as error:
        raise StoreCommandError(f"{backup} cannot be restored: {getattr(error, 'why', error)}") from error


def _move_aside(path: str) -> str | None:
    """Move the database and the files beside it away, so that nothing of it is applied to another one."""
    aside = name_aside(path, "before")
    moved = None
    for suffix in SUFFIXES:
        if os.path.exists(path + suffix):
            os.rename(path + suffix, aside + suffix)
            moved = aside
    return moved


def _vacuum(path: str, _: Namespace) -> None:
    lock = _lock(path)
    try:
        before = _size(path)
        with closing(_open_existing(path, "rw")) as connection:
            check_database(connection)
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        lock.release()
    print(f"{path}: {before} bytes before, {_size(path)} bytes now")


def _open_existing(path: str, mode: str = "ro") -> sqlite3.Connection:
    """Open a database that must exist; in mode `ro` nothing in it is changed, not even by recovering its log."""
    if not os.path.isfile(path):
        raise StoreCommandError(f"{path}: no such file")
    if not os.path.getsize(path):
        raise FileProblemError("corrupt", f"{path} is empty")
    uri = f"{Path(path).absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)


def _count(connection: sqlite3.Connection) -> str:
    counts = ((name, connection.execute(query).fetchone()[0]) for name, query in _COUNTS)
    return ", ".join(f"{count} {name.removesuffix('s') if count == 1 else name}" for name, count in counts)


def _size(path: str) -> int:
    return sum(os.path.getsize(path + suffix) for suffix in ("", "-wal") if os.path.exists(path + suffix))


COMMANDS: Final[Mapping[str, _Command]] = {
    "check": _Command("Check the whole database, also while the daemon runs.", None, _check),
    "backup": _Command("Write a checked copy to a new file, also while the daemon runs.", "FILE", _backup),
    "restore": _Command("Replace the database by a backup; the daemon must be stopped.", "BACKUP", _restore),
    "vacuum": _Command("Rewrite the database without free space; the daemon must be stopped.", None, _vacuum),
}
