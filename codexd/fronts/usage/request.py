"""Parses the queries of `/v1/usage` and `/v1/usage/raw`."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from codexd.fronts.json_fields import raise_wrong_value
from codexd.fronts.query import Query
from codexd.fronts.usage.times import parse_time
from codexd.neutral.records import frozen
from codexd.neutral.usage import (
    DAY_SECONDS,
    DIMENSIONS,
    HOUR_SECONDS,
    Dimension,
    RowPosition,
    RowQuery,
    UsageFilter,
    UsageQuery,
)

Format = Literal["json", "ndjson", "csv"]

MAX_BUCKETS: Final = 1000
"""The most buckets of a query: 41 days by hour."""

MAX_VALUES: Final = 100
"""The most values of a filter."""

MAX_PAGE: Final = 1000
_DEFAULT_PAGE: Final = 100

_NAMES: Final = ("start", "end", *DIMENSIONS, *(f"{name}[]" for name in DIMENSIONS), "format", "view")
_SUMS_NAMES: Final = (*_NAMES, "bucket", "group_by", "group_by[]")
_ROWS_NAMES: Final = (*_NAMES, "limit", "after")

_BUCKETS: Final = {"hour": HOUR_SECONDS, "day": DAY_SECONDS}
_DEFAULT_BUCKETS: Final = {HOUR_SECONDS: 24, DAY_SECONDS: 7}
"""How many buckets a query without `start` has."""

_DEFAULT_ROWS_SECONDS: Final = DAY_SECONDS
_POSITION: Final = re.compile(r"([0-9]{1,12})-([0-9]{1,18})")
_MEDIA: Final[Mapping[str, Format]] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
}


@frozen
class SumsRequest:
    """A request for sums."""

    query: UsageQuery
    format: Format


@frozen
class RowsRequest:
    """A request for a page of rows."""

    query: RowQuery
    format: Format


def parse_sums(values: Mapping[str, list[str]], accept: str | None, now: int) -> SumsRequest:
    """Parse a query for sums. Its time is widened to whole buckets.

    Args:
        values: the parameters.
        accept: the header Accept.
        now: Unix time in seconds.

    Raises:
        FaultError: `wrong_value` or `unsupported`, naming the parameter.
    """
    query = Query(values)
    query.check_names(_SUMS_NAMES)
    seconds = _BUCKETS[query.choice("bucket", _BUCKETS) or "day"]
    end = parse_time(query, "end")
    end = now + 1 if end is None else end
    end += -end % seconds
    start = parse_time(query, "start")
    start = end - _DEFAULT_BUCKETS[seconds] * seconds if start is None else start - start % seconds
    _check_order(start, end)
    if end - start > MAX_BUCKETS * seconds:
        raise_wrong_value("start", f"a query has at most {MAX_BUCKETS} buckets; ask for a shorter time, or for days")
    return SumsRequest(
        UsageQuery(
            filter=_parse_filter(query, max(0, start), end), bucket_seconds=seconds, group_by=_parse_groups(query)
        ),
        _parse_format(query, accept),
    )


def parse_rows(values: Mapping[str, list[str]], accept: str | None, now: int) -> RowsRequest:
    """Parse a query for rows; arguments and errors as `parse_sums`."""
    query = Query(values)
    query.check_names(_ROWS_NAMES)
    end = parse_time(query, "end")
    end = now + 1 if end is None else end
    start = parse_time(query, "start")
    start = max(0, end - _DEFAULT_ROWS_SECONDS) if start is None else start
    _check_order(start, end)
    return RowsRequest(
        RowQuery(
            filter=_parse_filter(query, start, end),
            after=_parse_position(query),
            limit=query.integer("limit", 1, MAX_PAGE) or _DEFAULT_PAGE,
        ),
        _parse_format(query, accept),
    )


def asks_for_rows(values: Mapping[str, list[str]]) -> bool:
    """Return whether `view` asks for rows in place of sums.

    Raises:
        FaultError: `wrong_value` for another view.
    """
    return Query(values).choice("view", ("sums", "raw")) == "raw"


def parse_limits(values: Mapping[str, list[str]]) -> None:
    """Refuse any parameter: `/v1/usage/limits` has none.

    Raises:
        FaultError: `unsupported`, naming the parameter.
    """
    Query(values).check_names(())


def format_position(position: RowPosition) -> str:
    """Return the cursor of a row, as `after` accepts it."""
    return f"{position.time}-{position.number}"


def _check_order(start: int, end: int) -> None:
    if start >= end:
        raise_wrong_value("start", "expected a time before `end`")


def _parse_filter(query: Query, start: int, end: int) -> UsageFilter:
    values = {name: _parse_values(query, name) for name in DIMENSIONS}
    return UsageFilter(start=start, end=end, **values)


def _parse_values(query: Query, name: str) -> tuple[str, ...]:
    values = query.texts(name)
    if len(values) > MAX_VALUES:
        raise_wrong_value(name, f"expected at most {MAX_VALUES} values")
    return values


def _parse_groups(query: Query) -> tuple[Dimension, ...]:
    """Return the dimensions to group by: names in any number of parameters, separated by commas."""
    texts = query.texts("group_by")
    if not texts:
        return ("model",)
    names = {name for text in texts for name in text.split(",") if name}
    if not names <= set(DIMENSIONS):
        raise_wrong_value("group_by", "supported values are: " + ", ".join(f"'{one}'" for one in DIMENSIONS))
    return tuple(one for one in DIMENSIONS if one in names)


def _parse_position(query: Query) -> RowPosition | None:
    text = query.text("after")
    if text is None:
        return None
    found = _POSITION.fullmatch(text)
    if found is None:
        raise_wrong_value("after", "expected the `id` of a row, or `next` of a page")
    return RowPosition(int(found[1]), int(found[2]))


def _parse_format(query: Query, accept: str | None) -> Format:
    chosen = query.choice("format", ("json", "ndjson", "csv"))
    if chosen is not None:
        return next(format for format in _MEDIA.values() if format == chosen)
    accepted = (part.partition(";")[0].strip().lower() for part in (accept or "").split(","))
    return next((_MEDIA[media] for media in accepted if media in _MEDIA), "json")
