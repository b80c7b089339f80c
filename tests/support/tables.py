"""A real SQLite connection without a thread, so that tests of the store stay in one turn of the reactor."""

import os
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute

from codexd.neutral.kept import KeptItem, KeptResponse
from codexd.store.connection import IN_MEMORY, prepare

T = TypeVar("T")

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where files are in memory, if anywhere, so that many short lives do not wait for a disk."""


def opened(path: str = IN_MEMORY) -> sqlite3.Connection:
    """Open a store's file as the store does."""
    connection = sqlite3.connect(path, isolation_level=None)
    prepare(connection)
    return connection


def items(*names: str) -> tuple[KeptItem, ...]:
    """Give items of these ids, each of which says its own."""
    return tuple(KeptItem(name, f'{{"id":"{name}"}}'.encode()) for name in names)


def answer(id: str, previous: str | None = None, **others: Any) -> KeptResponse:
    """Give an answer with an item of input and one of output, `in_ID` and `out_ID`."""
    made = {"owner": "me", "created": 1, "standing": "over", "body": b"{}"} | others
    said = {"input": items(f"in_{id}"), "output": items(f"out_{id}")} | made
    return KeptResponse(id=id, previous=previous, **said)


class InlineExecutor:
    """Runs work at once, in the caller's thread, or when it is released (a verified fake of Executor).

    Attributes:
        connection: what it runs work on.
        runs: how often it was given work.
        closed: the connection was closed.
    """

    def __init__(self, path: str = IN_MEMORY, sync: bool = False, reactor: object = None) -> None:
        self.connection = opened(path)
        self.runs = 0
        self.closed = False
        self._held = False
        self._waiting: list[Callable[[], None]] = []

    def hold(self) -> None:
        """Let work wait from now on."""
        self._held = True

    def release(self) -> None:
        """Run what waits, and what comes from now on at once."""
        self._held = False
        while self._waiting:
            self._waiting.pop(0)()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> "Deferred[T]":
        self.runs += 1
        result: Deferred[T] = Deferred()
        self._waiting.append(lambda: execute(work, self.connection).chainDeferred(result))
        if not self._held:
            self.release()
        return result

    def close(self) -> None:
        self.closed = True
        self.connection.close()
