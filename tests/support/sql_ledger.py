"""A ledger of usage that runs the store's own SQL in memory, at once."""

import sqlite3
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from codexd.interfaces import IUsageLedger
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.usage import RowPage, RowQuery, UsageQuery, UsageRetention, UsageRow, UsageSum
from codexd.store import usage_queries, usage_rows
from codexd.store.connection import prepare


@implementer(IUsageLedger)
class SqlLedger:
    """A ledger in memory.

    Attributes:
        failing: every call fails with `store_failed`.
        calls: the names of the calls so far.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        prepare(self._connection)
        self.failing = False
        self.calls: list[str] = []

    def load_usage_position(self) -> "Deferred[int]":
        return self._call("load_usage_position", usage_rows.load_position)

    def append_usage(self, rows: tuple[UsageRow, ...]) -> "Deferred[None]":
        return self._call("append_usage", usage_rows.append, rows)

    def sum_usage(self, query: UsageQuery) -> "Deferred[tuple[UsageSum, ...]]":
        return self._call("sum_usage", usage_queries.sum_usage, query)

    def list_usage(self, query: RowQuery) -> "Deferred[RowPage]":
        return self._call("list_usage", usage_queries.list_rows, query)

    def roll_up_usage(self, retention: UsageRetention) -> "Deferred[bool]":
        return self._call("roll_up_usage", usage_rows.roll_up, retention)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _call(self, name: str, work: Callable[..., Any], *arguments: object) -> "Deferred[Any]":
        self.calls.append(name)
        if self.failing:
            return execute(_fail)
        return execute(work, self._connection, *arguments)


def _fail() -> None:
    raise FaultError(fault("store_failed"))
