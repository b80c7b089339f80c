"""OpenAI's `GET /v1/organization/usage/completions` (platform.openai.com/docs/api-reference/usage)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from codexd.fronts.json_fields import raise_missing, raise_wrong_value
from codexd.fronts.query import Query
from codexd.fronts.usage.times import LATEST, parse_time
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.records import frozen
from codexd.neutral.usage import (
    DAY_SECONDS,
    HOUR_SECONDS,
    MINUTE_SECONDS,
    Dimension,
    UsageFilter,
    UsageQuery,
    UsageSum,
)
from codexd.wire.json import Json, encode

ENDPOINTS: Final = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/responses/compact")
"""The endpoints whose usage counts as completions."""

_MAX_VALUES: Final = 100
_PAGE: Final = re.compile(r"page_([0-9]{1,12})")
_GROUPS: Final[Mapping[str, Dimension]] = {"api_key_id": "key", "model": "model"}
_WITHOUT_VALUES: Final = ("project_id", "user_id", "batch", "service_tier", "api_source")
"""What one can group by in OpenAI's API, and this server has one group of."""


@frozen
class _Width:
    """A width of buckets: its seconds, and the default and the greatest number on a page."""

    seconds: int
    default: int
    most: int


_WIDTHS: Final = {
    "1m": _Width(MINUTE_SECONDS, 60, 1440),
    "1h": _Width(HOUR_SECONDS, 24, 168),
    "1d": _Width(DAY_SECONDS, 7, 31),
}


@frozen(kw_only=True)
class CompletionsUsageRequest:
    """A request for one page.

    Attributes:
        query: for the sums of the page.
        next_start: where the next page begins, in Unix seconds; None if there is none.
    """

    query: UsageQuery
    next_start: int | None


def parse_completions_usage(values: Mapping[str, list[str]], now: int) -> CompletionsUsageRequest:
    """Parse a query; `now` is Unix time in seconds.

    Raises:
        FaultError: with a fault of status 400 that names the parameter.
    """
    query = Query(values)
    width = _WIDTHS[query.choice("bucket_width", _WIDTHS) or "1d"]
    start = _parse_start(query)
    start -= start % width.seconds
    end = parse_time(query, "end_time")
    end = now + 1 if end is None else end
    if end <= start:
        raise_wrong_value("end_time", "expected a time after `start_time`")
    limit = query.integer("limit", 1, width.most) or width.default
    last = min(end + -end % width.seconds, start + limit * width.seconds)
    for name in ("project_ids", "user_ids", "batch"):
        if query.texts(name):
            raise FaultError(fault("unsupported", f"This server has no {name}.", param=name))
    return CompletionsUsageRequest(
        query=UsageQuery(
            filter=UsageFilter(
                start=start,
                end=last,
                key=_parse_values(query, "api_key_ids"),
                model=_parse_values(query, "models"),
                endpoint=ENDPOINTS,
            ),
            bucket_seconds=width.seconds,
            group_by=_parse_groups(query),
        ),
        next_start=last if last < end else None,
    )


def render_completions_usage(sums: Sequence[UsageSum], request: CompletionsUsageRequest) -> bytes:
    """Render a page with all its buckets, also empty ones; pure, for a thread."""
    query, buckets = request.query, _empty_buckets(request.query)
    for one in sums:
        buckets.setdefault(one.start - one.start % query.bucket_seconds, []).append(one)
    return encode(
        {
            "object": "page",
            "data": [
                {
                    "object": "bucket",
                    "start_time": start,
                    "end_time": start + query.bucket_seconds,
                    "results": _results(found),
                }
                for start, found in buckets.items()
            ],
            "has_more": request.next_start is not None,
            "next_page": None if request.next_start is None else f"page_{request.next_start}",
        }
    )


def _parse_start(query: Query) -> int:
    """Return the beginning of the page: `page` of the page before it, else `start_time`."""
    start = parse_time(query, "start_time")
    if start is None:
        raise_missing("start_time")
    page = query.text("page")
    if page is None:
        return start
    found = _PAGE.fullmatch(page)
    if found is None or not start <= int(found[1]) <= LATEST:
        raise_wrong_value("page", "expected `next_page` of another page of this query")
    return int(found[1])


def _parse_values(query: Query, name: str) -> tuple[str, ...]:
    values = query.texts(name)
    if len(values) > _MAX_VALUES:
        raise_wrong_value(name, f"expected at most {_MAX_VALUES} values")
    return values


def _parse_groups(query: Query) -> tuple[Dimension, ...]:
    names = {name for text in query.texts("group_by") for name in text.split(",") if name}
    allowed = (*_GROUPS, *_WITHOUT_VALUES)
    if not names <= set(allowed):
        raise_wrong_value("group_by", "supported values are: " + ", ".join(f"'{one}'" for one in allowed))
    return tuple(dimension for name, dimension in _GROUPS.items() if name in names)


def _empty_buckets(query: UsageQuery) -> dict[int, list[UsageSum]]:
    return {start: [] for start in range(query.filter.start, query.filter.end, query.bucket_seconds)}


def _results(sums: Iterable[UsageSum]) -> list[Json]:
    """Return one result for each key and model, with its estimated tokens in it."""
    groups: dict[tuple[str | None, str | None], list[UsageSum]] = {}
    for one in sums:
        groups.setdefault((one.key, one.model), []).append(one)
    return [_result(key, model, found) for (key, model), found in groups.items()]


def _result(key: str | None, model: str | None, sums: Sequence[UsageSum]) -> Json:
    input_tokens = sum(one.usage.input_tokens for one in sums)
    cached, written = sum(one.usage.cached_tokens for one in sums), sum(one.usage.cache_write_tokens for one in sums)
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": input_tokens,
        "output_tokens": sum(one.usage.output_tokens for one in sums),
        "input_cached_tokens": cached,
        "input_cache_write_tokens": written,
        "input_uncached_tokens": max(0, input_tokens - cached - written),
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "num_model_requests": sum(one.requests for one in sums),
        "project_id": None,
        "user_id": None,
        "api_key_id": key,
        "model": model,
        "batch": None,
        "service_tier": None,
        "estimated_tokens": sum(one.usage.total_tokens for one in sums if one.usage.estimated),
    }
