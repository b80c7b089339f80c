"""The ledger of usage: its rows, and the queries of them."""

from collections.abc import Iterable
from typing import Final, Literal

from codexd.neutral.event import Usage
from codexd.neutral.records import frozen

Dimension = Literal["key", "model", "endpoint", "backend"]
"""What usage can be grouped by, and filtered by."""

DIMENSIONS: Final[tuple[Dimension, ...]] = ("key", "model", "endpoint", "backend")

MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 3600
DAY_SECONDS: Final = 86400

OTHER_MODEL: Final = "other"
"""The model of rows whose own name is one too many (`codexd.usage.rows`)."""


@frozen(kw_only=True)
class UsageRow:
    """One row of the ledger: what a request, or a background response, has used at one back end.

    A request has several rows if it has used several back ends, or if only a part of its tokens is estimated.

    Attributes:
        number: its number in the ledger; it rises.
        time: when the request ended, in Unix seconds.
        request: the id of the request.
        key: the id of the principal: the name of the API key, or the beginning of its hash.
        model: the name in the request; empty for a model that does not exist.
        endpoint: the template of the route.
        backend: `codex` or the name of an upstream; empty if no back end was asked.
        outcome: as in the access log.
        requests: 1, or 0 for the further rows of a request and for the end of a background response.
        errors: 1 in the first row of what failed, else 0.
        usage: the tokens.
    """

    number: int
    time: int
    request: str
    key: str
    model: str
    endpoint: str
    backend: str
    outcome: str
    requests: int
    errors: int
    usage: Usage


@frozen(kw_only=True)
class UsageFilter:
    """Which rows count: those of a time that have one of the values of each dimension.

    Attributes:
        start: Unix seconds.
        end: Unix seconds, not included.
        key: the values of the dimension; empty: all.
        model: as `key`.
        endpoint: as `key`.
        backend: as `key`.
    """

    start: int
    end: int
    key: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    endpoint: tuple[str, ...] = ()
    backend: tuple[str, ...] = ()


@frozen(kw_only=True)
class UsageQuery:
    """A query for sums.

    Attributes:
        filter: which rows count.
        bucket_seconds: the length of a bucket: a minute, an hour or a day.
        group_by: the dimensions for whose values there are sums of their own.
    """

    filter: UsageFilter
    bucket_seconds: int = DAY_SECONDS
    group_by: tuple[Dimension, ...] = ()


@frozen(kw_only=True)
class UsageSum:
    """The sums of one bucket and one combination of values; estimated tokens have sums of their own.

    Attributes:
        start: the beginning of the bucket, in Unix seconds.
        seconds: its length: a day for hours that were rolled up.
        key: the value of the dimension; None if it is not in `group_by`.
        model: as `key`.
        endpoint: as `key`.
        backend: as `key`.
        requests: the number of requests.
        errors: how many of them failed.
        usage: the tokens.
    """

    start: int
    seconds: int
    key: str | None = None
    model: str | None = None
    endpoint: str | None = None
    backend: str | None = None
    requests: int
    errors: int
    usage: Usage


@frozen(kw_only=True)
class Consumption:
    """What a key has used of a model in some time.

    Attributes:
        model: the model's name, as the client wrote it.
        key: the id of the principal.
        requests: how many requests.
        input_tokens: of all requests, estimated ones included.
        output_tokens: as `input_tokens`; with reasoning.
    """

    model: str
    key: str
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


def sum_consumption(sums: Iterable[UsageSum]) -> tuple[Consumption, ...]:
    """Add the buckets of sums by key and model; the most tokens first."""
    found: dict[tuple[str, str], Consumption] = {}
    for one in sums:
        model, key = one.model or "", one.key or ""
        before = found.get((model, key)) or Consumption(model=model, key=key)
        found[model, key] = Consumption(
            model=model,
            key=key,
            requests=before.requests + one.requests,
            input_tokens=before.input_tokens + one.usage.input_tokens,
            output_tokens=before.output_tokens + one.usage.output_tokens,
        )
    return tuple(sorted(found.values(), key=lambda one: -(one.input_tokens + one.output_tokens)))


@frozen
class RowPosition:
    """The position of a row in the order of time."""

    time: int
    number: int


@frozen(kw_only=True)
class RowQuery:
    """A query for a page of rows, in the order of time.

    Attributes:
        filter: which rows are on the page.
        after: the row before the page; None for the first page.
        limit: the most rows of the page.
    """

    filter: UsageFilter
    after: RowPosition | None = None
    limit: int = 100


@frozen(kw_only=True)
class RowPage:
    """A page of rows.

    Attributes:
        rows: the rows; there can be fewer than the limit, also if more follow.
        next: where the next page begins; None if there is none.
    """

    rows: tuple[UsageRow, ...]
    next: RowPosition | None = None


@frozen(kw_only=True)
class UsageRetention:
    """What is rolled up, and what is deleted.

    Attributes:
        rows_before: rows of a time before this one are deleted, and hours before it become days (Unix seconds).
        days_before: days before this time are deleted.
        max_rows: beyond this number the oldest rows are deleted; their hours stay.
    """

    rows_before: int
    days_before: int
    max_rows: int
