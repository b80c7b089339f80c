"""Where the tables are worked on: one connection in one thread, so that the reactor waits for no disk."""

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred

from codexd.store.connection import prepare

T = TypeVar("T")


class Executor(Protocol):
    """Runs work on the one connection, in the order in which it is given."""

    def run(self, work: Callable[[sqlite3.Connection], T]) -> "Deferred[T]":
        """Run work; the Deferred fires in the reactor's thread."""
        ...

    def close(self) -> None:
        """Close the connection; nothing is running, and nothing more comes."""
        ...


class PoolExecutor:
    """A pool of one thread and one connection (`twisted.enterprise.adbapi`).

    Args:
        path: the file, or `:memory:`.
        sync: wait for the disk at every commit.
        reactor: provides IReactorCore and IReactorFromThreads; work begins once it runs.
    """

    def __init__(self, path: str, sync: bool, reactor: Any) -> None:
        self._pool = ConnectionPool(
            "sqlite3",
            path,
            # Transactions are only where they are asked for; the pool closes in the reactor's thread.
            isolation_level=None,
            check_same_thread=False,
            cp_min=1,
            cp_max=1,
            cp_openfun=partial(prepare, sync=sync),
            cp_reactor=reactor,
        )

    def run(self, work: Callable[[sqlite3.Connection], T]) -> "Deferred[T]":
        """Run work in the pool's thread."""
        result: Deferred[T] = self._pool.runWithConnection(work)
        return result

    def close(self) -> None:
        """Close the connection and end the thread, which is idle."""
        self._pool.close()
