"""Reads the ledger of usage. Every query reads a limited number of rows: writes wait for it."""

import sqlite3
from typing import Any, Final

from codexd.neutral.event import Usage
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.usage import (
    DIMENSIONS,
    HOUR_SECONDS,
    Dimension,
    RowPage,
    RowPosition,
    RowQuery,
    UsageFilter,
    UsageQuery,
    UsageRow,
    UsageSum,
)

MAX_RESULTS: Final = 10_000
"""The most sums that one query returns."""

MAX_READ: Final = 100_000
"""The most rows, or sums of hours, that one query reads."""

_TOO_MANY_RESULTS: Final = (
    f"The query has more than {MAX_RESULTS:,} results. Ask for a shorter time, longer buckets, or fewer groups."
)
_TOO_MUCH_TO_READ: Final = "The query has too much to read. Ask for a shorter time."

_SUMS: Final = "sum(requests), sum(errors), sum(input), sum(cached), sum(cache_write), sum(output), sum(reasoning)"
_TOKENS: Final = "input, cached, cache_write, output, reasoning, estimated"
_ROWS: Final = f"number, time, request, {', '.join(DIMENSIONS)}, outcome, requests, errors, {_TOKENS}"


def sum_usage(connection: sqlite3.Connection, query: UsageQuery) -> tuple[UsageSum, ...]:
    """Return sums by bucket (IUsageLedger).

    Raises:
        FaultError: `usage_too_large`.
    """
    # Minutes are summed from the rows, which are deleted earlier; longer buckets from the sums of hours.
    table, time, length = ("usage_bucket", "start", f"max(seconds, {query.bucket_seconds:d})")
    if query.bucket_seconds < HOUR_SECONDS:
        table, time, length = ("usage_row", "time", f"max(0, {query.bucket_seconds:d})")
    if query.filter.key:  # without it, SQLite may read the sums of all keys, in the order of the groups
        table += f" INDEXED BY {table}_key"
    _check_size(connection, table, time, query.filter)
    where, arguments = _conditions(query.filter, time)
    start = f"{time} - {time} % {query.bucket_seconds:d}"
    groups = ", ".join((start, length, *query.group_by, "estimated"))
    select = f"SELECT {groups}, {_SUMS} FROM {table} WHERE {where} GROUP BY {groups} ORDER BY {groups} LIMIT ?"
    found = connection.execute(select, (*arguments, MAX_RESULTS + 1)).fetchall()
    if len(found) > MAX_RESULTS:
        raise FaultError(fault("usage_too_large", _TOO_MANY_RESULTS))
    return tuple(_build_sum(query, values) for values in found)


def list_rows(connection: sqlite3.Connection, query: RowQuery) -> RowPage:
    """Return a page of rows (IUsageLedger)."""
    after = query.after or RowPosition(query.filter.start, -1)
    where, arguments = _conditions(query.filter, "time")
    # The filter sees a limited number of rows; a page can so have fewer rows than its limit, and still a next page.
    keys = query.filter.key if len(query.filter.key) == 1 else ()  # the index of a key has its rows in order
    window = f"SELECT {_ROWS} FROM usage_row WHERE {'key = ? AND' if keys else ''} time >= ? AND time < ?"
    window += f" AND (time, number) > (?, ?) ORDER BY time, number LIMIT {MAX_READ:d}"
    bounds = (*keys, max(after.time, query.filter.start), query.filter.end, after.time, after.number)
    select = f"SELECT * FROM ({window}) WHERE {where} ORDER BY time, number LIMIT ?"
    found = connection.execute(select, (*bounds, *arguments, query.limit + 1)).fetchall()
    rows = tuple(map(_build_row, found[: query.limit]))
    if len(found) > query.limit:
        return RowPage(rows=rows, next=RowPosition(rows[-1].time, rows[-1].number))
    last = connection.execute(f"SELECT time, number FROM ({window}) LIMIT 1 OFFSET ?", (*bounds, MAX_READ - 1))
    position = last.fetchone()
    return RowPage(rows=rows, next=None if position is None else RowPosition(*position))


def _check_size(connection: sqlite3.Connection, table: str, time: str, filter: UsageFilter) -> None:
    """Count what the query reads: that of its keys, whatever other keys use."""
    where, arguments = _conditions(filter, time, ("key",))
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {where} LIMIT ?)"
    if connection.execute(counted, (*arguments, MAX_READ + 1)).fetchone()[0] > MAX_READ:
        raise FaultError(fault("usage_too_large", _TOO_MUCH_TO_READ))


def _conditions(
    filter: UsageFilter, time: str, dimensions: tuple[Dimension, ...] = DIMENSIONS
) -> tuple[str, list[Any]]:
    """Return the condition of a filter and its arguments."""
    conditions, arguments = [f"{time} >= ?", f"{time} < ?"], [filter.start, filter.end]
    for dimension in dimensions:
        values = getattr(filter, dimension)
        if values:
            conditions.append(f"{dimension} IN ({', '.join('?' * len(values))})")
            arguments += values
    return " AND ".join(conditions), arguments


def _build_sum(query: UsageQuery, values: tuple[Any, ...]) -> UsageSum:
    count = len(query.group_by)
    start, seconds, groups = values[0], values[1], values[2 : 2 + count]
    estimated, requests, errors, *tokens = values[2 + count :]
    return UsageSum(
        start=start,
        seconds=seconds,
        requests=requests,
        errors=errors,
        usage=_build_usage(tokens, estimated),
        **dict(zip(query.group_by, groups, strict=True)),
    )


def _build_row(values: tuple[Any, ...]) -> UsageRow:
    number, time, request, key, model, endpoint, backend, outcome, requests, errors, *tokens, estimated = values
    return UsageRow(
        number=number,
        time=time,
        request=request,
        key=key,
        model=model,
        endpoint=endpoint,
        backend=backend,
        outcome=outcome,
        requests=requests,
        errors=errors,
        usage=_build_usage(tokens, estimated),
    )


def _build_usage(tokens: list[int], estimated: int) -> Usage:
    input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens = tokens
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=cached_tokens,
        cache_write_tokens=cache_write_tokens,
        output_tokens=output_tokens,
        reasoning_tokens=reasoning_tokens,
        estimated=bool(estimated),
    )
