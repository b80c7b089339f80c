"""Runs several store calls in one transaction; each call can fail alone.

A change is acknowledged only when the path of the file still names the open file after the commit.

This code runs in the connection's thread and does not use Twisted.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from attrs import frozen

from codexd.store.open_database import OpenDatabase
from codexd.store.problem import FileProblemError, affects_every_write

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
        size_bytes: the memory of what the call stores, while it waits.
        loads_much: whether its result may be large. It is then the last call of its batch, so that the results of
            many such calls are never in memory together.
    """

    name: str
    work: Work
    writes: bool = False
    on_result: Callable[[Any], object] = lambda _: None
    request_id: str = ""
    size_bytes: int = 0
    loads_much: bool = False


@frozen
class FailedCall:
    """The outcome of a call that raised."""

    error: BaseException | None


def run_batch(database: OpenDatabase, calls: tuple[StoreCall, ...]) -> list[Any]:
    """Run calls as `run_calls` does; changes fail unless the file is safe before them and after their commit."""
    try:
        if any(call.writes for call in calls):
            database.verify()
            outcomes = run_calls(database.connection, calls)
            database.verify()
        else:
            outcomes = run_calls(database.connection, calls)
    except FileProblemError as error:
        failed = FailedCall(error)
        outcomes = [failed if call.writes else run_calls(database.connection, (call,))[0] for call in calls]
    for outcome in outcomes:
        if isinstance(outcome, FailedCall) and outcome.error is not None:
            database.note_failure(outcome.error)
    return outcomes


def run_calls(connection: sqlite3.Connection, calls: tuple[StoreCall, ...]) -> list[Any]:
    """Run calls in order in one transaction and return their outcomes: each a result or a FailedCall.

    When the whole transaction fails, for example on a full disk, each call runs again in its own transaction; but
    only the reads when every write would fail in the same way, such as while another program holds the lock.
    """
    try:
        return _run_in_one_transaction(connection, calls)
    except Exception as error:
        failed, every_write = FailedCall(error), affects_every_write(error)
    if len(calls) == 1:
        return [failed]
    return [failed if every_write and call.writes else run_calls(connection, (call,))[0] for call in calls]


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
