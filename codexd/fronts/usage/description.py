"""The parameters and the schemas of the routes of usage, for the OpenAPI description."""

from collections.abc import Mapping
from typing import Final

from codexd.fronts.usage.request import MAX_PAGE
from codexd.fronts.usage.times import LATEST
from codexd.neutral.usage import DIMENSIONS
from codexd.wire.json import Json

_STRINGS: Final[Json] = {"schema": {"type": "array", "items": {"type": "string"}}}
_TEXT: Final[Json] = {"schema": {"type": "string"}}


def _integer(minimum: int, maximum: int) -> dict[str, Json]:
    return {"schema": {"type": "integer", "minimum": minimum, "maximum": maximum}}


def _enum(*values: str) -> dict[str, Json]:
    return {"schema": {"enum": list(values)}}


ROWS_QUERY: Final[Mapping[str, Json]] = {
    "start": _TEXT,
    "end": _TEXT,
    **dict.fromkeys(DIMENSIONS, _STRINGS),
    "format": _enum("json", "ndjson", "csv"),
    "limit": _integer(1, MAX_PAGE),
    "after": _TEXT,
}
SUMS_QUERY: Final[Mapping[str, Json]] = {
    **ROWS_QUERY,
    "bucket": _enum("hour", "day"),
    "group_by": _STRINGS,
    "view": _enum("sums", "raw"),
}
COMPLETIONS_QUERY: Final[Mapping[str, Json]] = {
    "start_time": {**_integer(0, LATEST), "required": True},
    "end_time": _integer(0, LATEST),
    "bucket_width": _enum("1m", "1h", "1d"),
    "group_by[]": _STRINGS,
    "models[]": _STRINGS,
    "api_key_ids[]": _STRINGS,
    "limit": _integer(1, 1440),
    "page": _TEXT,
}


def _object(**properties: Json) -> Json:
    """Return the schema of an object that has all these members."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(element: Json) -> Json:
    return {"type": "array", "items": element}


def _const(value: str) -> Json:
    return {"const": value}


_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_NULLABLE: Final[Json] = {"type": ["string", "null"]}
_FLAG: Final[Json] = {"type": "boolean"}
_STRING: Final[Json] = {"type": "string"}

SCHEMAS: Final[Mapping[str, Json]] = {
    "Usage": {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("UsagePage", "UsageRowList")]},
    "UsagePage": _object(
        object=_const("page"),
        start=_STRING,
        end=_STRING,
        bucket={"enum": ["hour", "day"]},
        group_by=_list({"enum": list(DIMENSIONS)}),
        data=_list(_object(object=_const("usage.bucket"), start=_STRING, end=_STRING, results=_list({}))),
        totals=_list(_object(object=_const("usage.total"), estimated=_FLAG, requests=_COUNT, input_tokens=_COUNT)),
    ),
    "UsageRowList": _object(
        object=_const("list"),
        data=_list(_object(object=_const("usage.row"), id=_STRING, time=_STRING, estimated=_FLAG)),
        has_more=_FLAG,
        next=_NULLABLE,
    ),
    "UsageLimits": _object(
        object=_const("usage.limits"), account=_NULLABLE, message=_NULLABLE, plan=_NULLABLE, windows=_list({})
    ),
    "CompletionsUsage": _object(
        object=_const("page"),
        data=_list(_object(object=_const("bucket"), start_time=_COUNT, end_time=_COUNT, results=_list({}))),
        has_more=_FLAG,
        next_page=_NULLABLE,
    ),
}
