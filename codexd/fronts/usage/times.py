"""Times in the queries and the responses of usage: Unix seconds, or ISO 8601."""

import re
from datetime import UTC, datetime
from typing import Final

from codexd.fronts.json_fields import raise_wrong_value
from codexd.fronts.query import Query

LATEST: Final = 4_102_444_800
"""The latest time that a query can name: the year 2100."""

_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_EXPECTED: Final = "expected Unix seconds, a date such as 2026-11-30, or a time such as 2026-11-30T12:00:00Z"


def parse_time(query: Query, name: str) -> int | None:
    """Return a time in Unix seconds; a date means its beginning, and a time without a zone is UTC.

    Raises:
        FaultError: `wrong_value`, naming the parameter.
    """
    text = query.text(name)
    if text is None:
        return None
    seconds = int(text) if _SECONDS.fullmatch(text) else _parse_iso(name, text)
    if not 0 <= seconds <= LATEST:
        raise_wrong_value(name, _EXPECTED)
    return seconds


def _parse_iso(name: str, text: str) -> int:
    try:
        time = datetime.fromisoformat(text.replace(" ", "+"))  # a `+` of the zone that was not escaped
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise_wrong_value(name, _EXPECTED)


def format_time(seconds: int) -> str:
    """Return a time as `2026-11-30T12:00:00Z`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
