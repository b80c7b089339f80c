"""Writes the ledger of usage: rows, and the sums of hours; rolls up and deletes what is old."""

import sqlite3
from typing import Final

from codexd.neutral.usage import DAY_SECONDS, HOUR_SECONDS, UsageRetention, UsageRow

BATCH: Final = 5_000
"""The most rows that one call deletes; other calls run in between."""

_SUMS: Final = ("requests", "errors", "input", "cached", "cache_write", "output", "reasoning")
_ADD: Final = "ON CONFLICT DO UPDATE SET " + ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)

_ROW: Final = """
INSERT INTO usage_row (
    number, time, request, key, model, endpoint, backend, outcome, requests, errors,
    estimated, input, cached, cache_write, output, reasoning
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_HOUR: Final = f"""
INSERT INTO usage_bucket (
    start, seconds, key, model, endpoint, backend, estimated,
    requests, errors, input, cached, cache_write, output, reasoning
) VALUES (?, {HOUR_SECONDS}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) {_ADD}
"""
_DAYS: Final = f"""
INSERT INTO usage_bucket (
    start, seconds, key, model, endpoint, backend, estimated,
    requests, errors, input, cached, cache_write, output, reasoning
)
SELECT start - start % {DAY_SECONDS}, {DAY_SECONDS}, key, model, endpoint, backend, estimated,
    {", ".join(f"sum({name})" for name in _SUMS)}
FROM usage_bucket WHERE seconds = {HOUR_SECONDS} AND start < ?
GROUP BY start - start % {DAY_SECONDS}, key, model, endpoint, backend, estimated
{_ADD}
"""
_DELETE_HOURS: Final = f"DELETE FROM usage_bucket WHERE seconds = {HOUR_SECONDS} AND start < ?"
_OLDEST_HOUR: Final = f"SELECT min(start) FROM usage_bucket WHERE seconds = {HOUR_SECONDS} AND start < ?"
_DELETE_DAYS: Final = f"DELETE FROM usage_bucket WHERE seconds = {DAY_SECONDS} AND start < ?"
_DELETE_ROWS: Final = "DELETE FROM usage_row WHERE number IN ({})"
_OLD_ROWS: Final = "SELECT number FROM usage_row WHERE time < ? ORDER BY time LIMIT ?"
_OLDEST_ROWS: Final = "SELECT number FROM usage_row ORDER BY time, number LIMIT ?"


def load_position(connection: sqlite3.Connection) -> int:
    """Return the number of the last row that was ever written."""
    return int(connection.execute("SELECT number FROM usage_position").fetchone()[0])


def append(connection: sqlite3.Connection, rows: tuple[UsageRow, ...]) -> None:
    """Write the rows that are new, and add them to their hours."""
    written = load_position(connection)
    new = [row for row in rows if row.number > written]
    if not new:
        return
    connection.executemany(_ROW, map(_row_values, new))
    connection.executemany(_HOUR, map(_hour_values, new))
    connection.execute("UPDATE usage_position SET number = ?", (new[-1].number,))


def roll_up(connection: sqlite3.Connection, retention: UsageRetention) -> bool:
    """Delete a batch of old or excess rows, and roll up the hours of one old day; return whether there is more."""
    more_hours = _roll_up_day(connection, retention.rows_before)
    connection.execute(_DELETE_DAYS, (retention.days_before,))
    deleted = _delete_rows(connection, _OLD_ROWS, (retention.rows_before, BATCH))
    excess = int(connection.execute("SELECT count(*) FROM usage_row").fetchone()[0]) - retention.max_rows
    if deleted < BATCH and excess > 0:
        deleted += _delete_rows(connection, _OLDEST_ROWS, (min(excess, BATCH),))
    return more_hours or deleted >= BATCH


def _roll_up_day(connection: sqlite3.Connection, before: int) -> bool:
    """Add the hours of the oldest day that ended before a time to its sums; return whether there was one."""
    oldest = connection.execute(_OLDEST_HOUR, (before,)).fetchone()[0]
    if oldest is None:
        return False
    end = min(before, oldest - oldest % DAY_SECONDS + DAY_SECONDS)
    connection.execute(_DAYS, (end,))
    connection.execute(_DELETE_HOURS, (end,))
    return True


def _delete_rows(connection: sqlite3.Connection, query: str, arguments: tuple[int, ...]) -> int:
    return connection.execute(_DELETE_ROWS.format(query), arguments).rowcount


def _row_values(row: UsageRow) -> tuple[object, ...]:
    return (
        row.number,
        row.time,
        row.request,
        row.key,
        row.model,
        row.endpoint,
        row.backend,
        row.outcome,
        row.requests,
        row.errors,
        *_token_values(row),
    )


def _hour_values(row: UsageRow) -> tuple[object, ...]:
    estimated, *tokens = _token_values(row)
    start = row.time - row.time % HOUR_SECONDS
    return (start, row.key, row.model, row.endpoint, row.backend, estimated, row.requests, row.errors, *tokens)


def _token_values(row: UsageRow) -> tuple[int, ...]:
    usage = row.usage
    return (
        usage.estimated,
        usage.input_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    )
