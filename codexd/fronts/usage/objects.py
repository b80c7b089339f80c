"""Renders the usage of the ledger as JSON, as JSON lines, and as CSV."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from itertools import groupby
from typing import Any, Final

from codexd.fronts.usage.request import Format, format_position
from codexd.fronts.usage.times import format_time
from codexd.neutral.event import Usage
from codexd.neutral.usage import DIMENSIONS, HOUR_SECONDS, RowPage, RowPosition, UsageQuery, UsageRow, UsageSum
from codexd.wire.json import Json, encode, encode_line

CONTENT_TYPES: Final[Mapping[Format, bytes]] = {
    "json": b"application/json",
    "ndjson": b"application/x-ndjson",
    "csv": b"text/csv; charset=utf-8",
}

_COUNTS: Final = ("requests", "errors")
_TOKENS: Final = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
_SUM_COLUMNS: Final = ("start", "end", *DIMENSIONS, "estimated", *_COUNTS, *_TOKENS)
_ROW_COLUMNS: Final = ("id", "time", "request", *DIMENSIONS, "outcome", "estimated", *_COUNTS, *_TOKENS)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell begins with that a spreadsheet takes for a formula; the last four are full-width forms."""


def render_sums(sums: Sequence[UsageSum], query: UsageQuery, format: Format) -> bytes:
    """Render sums; pure, for a thread."""
    if format == "csv":
        return _render_csv(_SUM_COLUMNS, ({**_result(one), **_times(one.start, one.seconds)} for one in sums))
    if format == "ndjson":
        lines = ({"object": "usage.result", **_times(one.start, one.seconds), **_result(one)} for one in sums)
        return b"".join(map(encode_line, lines))
    filter = query.filter
    return encode(
        {
            "object": "page",
            **_times(filter.start, filter.end - filter.start),
            "bucket": "hour" if query.bucket_seconds == HOUR_SECONDS else "day",
            "group_by": list(query.group_by),
            "data": _buckets(sums),
            "totals": _totals(sums),
        }
    )


def render_rows(page: RowPage, format: Format) -> bytes:
    """Render a page of rows; pure, for a thread."""
    if format == "csv":
        return _render_csv(_ROW_COLUMNS, map(_row, page.rows))
    rows = [{"object": "usage.row", **_row(row)} for row in page.rows]
    if format == "ndjson":
        return b"".join(map(encode_line, rows))
    next = None if page.next is None else format_position(page.next)
    return encode({"object": "list", "data": rows, "has_more": next is not None, "next": next})


def _buckets(sums: Iterable[UsageSum]) -> list[Json]:
    buckets = groupby(sums, key=lambda one: (one.start, one.seconds))
    return [
        {
            "object": "usage.bucket",
            **_times(start, seconds),
            "results": [{"object": "usage.result", **_result(one)} for one in results],
        }
        for (start, seconds), results in buckets
    ]


def _totals(sums: Sequence[UsageSum]) -> list[Json]:
    """Return the sums of all buckets: of what the providers counted, and of what is estimated."""
    return [_total([one for one in sums if one.usage.estimated == estimated], estimated) for estimated in (False, True)]


def _total(sums: Sequence[UsageSum], estimated: bool) -> Json:
    counts = {name: sum(getattr(one, name) for one in sums) for name in _COUNTS}
    tokens = {name: sum(getattr(one.usage, name) for one in sums) for name in _TOKENS}
    return {"object": "usage.total", "estimated": estimated, **counts, **tokens}


def _result(one: UsageSum) -> dict[str, Json]:
    return {name: getattr(one, name) for name in (*DIMENSIONS, *_COUNTS)} | _tokens(one.usage)


def _row(row: UsageRow) -> dict[str, Json]:
    position = format_position(RowPosition(row.time, row.number))
    counted = {name: getattr(row, name) for name in ("request", *DIMENSIONS, "outcome", *_COUNTS)}
    return {"id": position, "time": format_time(row.time)} | counted | _tokens(row.usage)


def _tokens(usage: Usage) -> dict[str, Json]:
    return {name: getattr(usage, name) for name in ("estimated", *_TOKENS)}


def _times(start: int, seconds: int) -> dict[str, Json]:
    return {"start": format_time(start), "end": format_time(start + seconds)}


def _render_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Render a table as RFC 4180 says, with a line of names."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: a client has chosen the names of models."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value
