"""Calls that go to the disk together: one transaction, in which each may fail alone.

This runs in the connection's own thread and knows nothing of Twisted.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from attrs import frozen

Work = Callable[[sqlite3.Connection], Any]


@frozen
class Call:
    """One thing asked of the store.

    Attributes:
        name: what it is called in the log.
        work: does it; may be run again when what it did was undone.
        writes: whether it may change anything that stays.
        told: is given the result, in the reactor's thread, whether or not anybody still waits for it.
    """

    name: str
    work: Work
    writes: bool = False
    told: Callable[[Any], object] = lambda _: None


@frozen
class Failed:
    """What came of a call that could not be done."""

    error: BaseException | None


def outcomes(connection: sqlite3.Connection, calls: tuple[Call, ...]) -> list[Any]:
    """Do calls in their order, and give what each came to: its result, or Failed.

    What is undone for all because of one, as on a full disk, is done again one by one.
    """
    try:
        return _together(connection, calls)
    except Exception as error:
        if len(calls) == 1:
            return [Failed(error)]
    return [outcome for call in calls for outcome in outcomes(connection, (call,))]


def _together(connection: sqlite3.Connection, calls: tuple[Call, ...]) -> list[Any]:
    connection.execute("BEGIN IMMEDIATE" if any(call.writes for call in calls) else "BEGIN")
    try:
        done = [_apart(connection, call) for call in calls]
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return done


def _apart(connection: sqlite3.Connection, call: Call) -> Any:
    connection.execute("SAVEPOINT call")
    try:
        done = call.work(connection)
    except Exception as error:
        if not connection.in_transaction:
            # The database itself gave the whole transaction up, as it does on a full disk.
            raise
        connection.execute("ROLLBACK TO call")
        done = Failed(error)
    connection.execute("RELEASE call")
    return done
