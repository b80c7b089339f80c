"""Formats log events as lines of text or JSON (docs/logs.md), also for systemd's journal."""

import time
import traceback
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from twisted.logger import LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure

from codexd.observe.logfmt import escape_controls
from codexd.observe.request_line import RequestLine
from codexd.wire import json

REQUEST_KEY: Final = "request_line"
"""The key of a `RequestLine` in a log event."""

LineFormat = Callable[[LogEvent], str]
"""Returns an event as one line that ends in a newline."""

_SCALARS: Final = (str, int, float, bool, type(None))
_PRIORITIES: Final = {
    LogLevel.debug: "<7>",
    LogLevel.info: "<6>",
    LogLevel.warn: "<4>",
    LogLevel.error: "<3>",
    LogLevel.critical: "<2>",
}
"""The prefixes by which the journal knows the priority of a line (sd-daemon(3))."""


def select_format(name: str, journal: bool) -> LineFormat:
    """Return the format of a log.

    Args:
        name: `text` or `json` (`log.format`).
        journal: the lines go to systemd's journal.
    """
    if not journal:
        return _FORMATS[name]
    return _format_journal_text if name == "text" else _format_journal_json


def format_failure(failure: Failure) -> str:
    """Return the exception's type and traceback without its message, which may quote a prompt."""
    frames = traceback.extract_tb(failure.getTracebackObject())
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames[-8:]))
    return f"{failure.type.__name__ if failure.type else 'unknown'} at {places}"


def format_time(seconds: float) -> str:
    """Return a Unix time as local time with its offset, in milliseconds (RFC 3339)."""
    whole = int(seconds)
    date, offset = _format_second(whole)
    return f"{date}.{int((seconds - whole) * 1000):03d}{offset}"


@lru_cache(maxsize=4)
def _format_second(second: int) -> tuple[str, str]:
    local = time.localtime(second)
    offset = time.strftime("%z", local)
    return time.strftime("%Y-%m-%dT%H:%M:%S", local), f"{offset[:3]}:{offset[3:]}"


def format_text(event: LogEvent) -> str:
    """Format an event as one line of text: time, level, logger, message."""
    return f"{format_time(event['log_time'])} {_level(event):<5} {event['log_namespace']}: {_message(event)}\n"


def format_json(event: LogEvent) -> str:
    """Format an event as one JSON object: its message, and the fields of the message."""
    line: RequestLine | None = event.get(REQUEST_KEY)
    fields = {
        "time": format_time(event["log_time"]),
        "level": _level(event),
        "logger": event["log_namespace"],
        "event": event.get("event", ""),
        "message": _full_message(event) if line is None else line.summary(),
    }
    if line is not None:
        fields.update(line.fields())
    else:
        fields |= {name: value for name, value in event.items() if _is_field(name, value) and name not in fields}
    return json.encode(fields).decode() + "\n"


def _format_journal_text(event: LogEvent) -> str:
    """Format an event for the journal, which has a time and a priority of its own."""
    return f"{_PRIORITIES[event['log_level']]}{event['log_namespace']}: {_message(event)}\n"


def _format_journal_json(event: LogEvent) -> str:
    return _PRIORITIES[event["log_level"]] + format_json(event)


def _message(event: LogEvent) -> str:
    """Return the message on one line; that of a request is safe already."""
    line: RequestLine | None = event.get(REQUEST_KEY)
    return escape_controls(_full_message(event)) if line is None else str(line)


def _full_message(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return formatEvent(event) + ("" if failure is None else f" [{format_failure(failure)}]")


def _is_field(name: str, value: object) -> bool:
    return isinstance(value, _SCALARS) and not name.startswith("log_")


def _level(event: LogEvent) -> Any:
    return event["log_level"].name


_FORMATS: Final = {"text": format_text, "json": format_json}
