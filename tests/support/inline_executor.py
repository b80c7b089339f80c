"""A verified fake of the store's executor: a real SQLite connection without a thread."""

import os
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute

from codexd.neutral.stored import StoredItem, StoredResponse
from codexd.store.connection import IN_MEMORY, prepare
from codexd.store.open_database import OpenDatabase
from tests.support.delayed_calls import DelayedCalls

T = TypeVar("T")

MEMORY_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A folder on a memory file system, if there is one: tests that restart often do not wait for a disk."""


def open_database(path: str = IN_MEMORY) -> sqlite3.Connection:
    """Open a database as the store does."""
    connection = sqlite3.connect(path, isolation_level=None)
    prepare(connection)
    return connection


def items(*names: str) -> tuple[StoredItem, ...]:
    """Build items with these ids; each body contains its id."""
    return tuple(StoredItem(name, f'{{"id":"{name}"}}'.encode()) for name in names)


def stored_response(id: str, previous: str | None = None, **others: Any) -> StoredResponse:
    """Build a response with one input item, `in_ID`, and one output item, `out_ID`."""
    made = {"owner": "me", "created": 1, "state": "over", "body": b"{}"} | others
    said = {"input": items(f"in_{id}"), "output": items(f"out_{id}")} | made
    return StoredResponse(id=id, previous=previous, **said)


class InlineExecutor(DelayedCalls):
    """Runs work at once in the caller's thread, unless calls are delayed.

    Attributes:
        database: the open database.
        runs: how many times `run` was called.
        closed: the connection was closed.
    """

    def __init__(self, database: OpenDatabase | None = None, reactor: object = None) -> None:
        super().__init__()
        self.database = OpenDatabase(IN_MEMORY) if database is None else database
        self.runs = 0
        self.closed = False

    @property
    def connection(self) -> sqlite3.Connection:
        return self.database.connection

    def run(self, work: Callable[[OpenDatabase], T]) -> "Deferred[T]":
        self.runs += 1
        result: Deferred[T] = Deferred()
        self._run_or_delay(lambda: execute(work, self.database).chainDeferred(result))
        return result

    def close(self) -> None:
        self.closed = True
        self.database.close()
