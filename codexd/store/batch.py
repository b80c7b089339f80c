"""Runs several store calls in one transaction; each call can fail alone.

This code runs in the connection's thread and does not use Twisted.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from attrs import frozen

Work = Callable[[sqlite3.Connection], Any]


@frozen(kw_only=True)
class StoreCall:
    """One call to the store.

    Attributes:
        name: the name of the call in the log.
        work: runs the SQL and returns the result; may run a second time after a rollback.
        writes: whether the call may change the database file.
        on_result: called with the result in the reactor's thread, even when the caller has cancelled.
        request_id: the id of the request that the call is made for, for the log; empty for none.
    """

    name: str
    work: Work
    writes: bool = False
    on_result: Callable[[Any], object] = lambda _: None
    request_id: str = ""


@frozen
class FailedCall:
    """The outcome of a call that raised."""

    error: BaseException | None


def run_calls(connection: sqlite3.Connection, calls: tuple[StoreCall, ...]) -> list[Any]:
    """Run calls in order in one transaction and return their outcomes: each a result or a FailedCall.

    When the whole transaction fails, for example on a full disk, each call runs again in its own transaction.
    """
    try:
        return _run_in_one_transaction(connection, calls)
    except Exception as error:
        if len(calls) == 1:
            return [FailedCall(error)]
    return [outcome for call in calls for outcome in run_calls(connection, (call,))]


def _run_in_one_transaction(connection: sqlite3.Connection, calls: tuple[StoreCall, ...]) -> list[Any]:
    connection.execute("BEGIN IMMEDIATE" if any(call.writes for call in calls) else "BEGIN")
    try:
        outcomes = [_run_in_savepoint(connection, call) for call in calls]
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return outcomes


def _run_in_savepoint(connection: sqlite3.Connection, call: StoreCall) -> Any:
    connection.execute("SAVEPOINT call")
    try:
        outcome = call.work(connection)
    except Exception as error:
        if not connection.in_transaction:
            # SQLite rolled back the whole transaction, as it does on a full disk.
            raise
        connection.execute("ROLLBACK TO call")
        outcome = FailedCall(error)
    connection.execute("RELEASE call")
    return outcome
