"""Runs SQL on one connection in one thread, so that the reactor never waits for the disk."""

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred

from codexd.store.connection import prepare

T = TypeVar("T")


class Executor(Protocol):
    """Runs functions on the store's connection, in the order of the calls."""

    def run(self, work: Callable[[sqlite3.Connection], T]) -> "Deferred[T]":
        """Run a function on the connection; the Deferred fires in the reactor's thread."""
        ...

    def close(self) -> None:
        """Close the connection; must not be called while work is running."""
        ...


class PoolExecutor:
    """An Executor on a pool of one thread and one connection (`twisted.enterprise.adbapi`).

    Args:
        path: the file, or `:memory:`.
        sync: wait for the disk at every commit.
        reactor: provides IReactorCore and IReactorFromThreads; work starts once it runs.
    """

    def __init__(self, path: str, sync: bool, reactor: Any) -> None:
        self._pool = ConnectionPool(
            "sqlite3",
            path,
            # Only explicit statements begin transactions; the pool closes in the reactor's thread.
            isolation_level=None,
            check_same_thread=False,
            cp_min=1,
            cp_max=1,
            cp_openfun=partial(prepare, sync=sync),
            cp_reactor=reactor,
        )

    def run(self, work: Callable[[sqlite3.Connection], T]) -> "Deferred[T]":
        """Run a function in the pool's thread."""
        result: Deferred[T] = self._pool.runWithConnection(work)
        return result

    def close(self) -> None:
        """Close the connection and stop the thread."""
        self._pool.close()
