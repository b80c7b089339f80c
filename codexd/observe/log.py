"""What the log says and how: one line a request, as text or as JSON, never a word of what was said.

`twistd --logger=codexd.observe.log.observer` writes JSON; `codexd.observe.log.text` is the readable form.
"""

import sys
import traceback
from typing import IO, Any, Final

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    formatTime,
)
from twisted.python.failure import Failure

from codexd.observe.record import OK, Record
from codexd.settings import Log
from codexd.wire import json

_REQUEST: Final = (
    "{method} {route} {status} {outcome} {milliseconds}ms id={id} principal={principal} "
    "front={front} model={model} tokens={input_tokens}+{output_tokens}"
)
_NOTED: Final = _REQUEST + " note={note}"
_KEPT: Final = ("id", "method", "route", "status", "front", "model", "principal", "stream", "outcome", "note")
_SERVER_FAULT: Final = 500
_CHATTER: Final = frozenset(("/livez", "/readyz", "/healthz", "/metrics"))
_LOGGER: Final = Logger(namespace="codexd.request")
_SCALARS: Final = (str, int, float, bool, type(None))


class RequestLog:
    """Writes the one line of every request.

    Args:
        logger: where it goes.
    """

    def __init__(self, logger: Logger = _LOGGER) -> None:
        self._logger = logger

    def write(self, record: Record) -> None:
        """Write a request that is over."""
        self._logger.emit(_weight(record), _NOTED if record.note else _REQUEST, **_fields(record))


def _weight(record: Record) -> Any:
    """What failed by our side's doing is a warning; what machines ask all day long is for debugging."""
    if record.outcome != OK and record.status >= _SERVER_FAULT:
        return LogLevel.warn
    return LogLevel.debug if record.route in _CHATTER else LogLevel.info


def _fields(record: Record) -> dict[str, Any]:
    first = record.first_event_seconds
    fields = {name: getattr(record, name) for name in _KEPT}
    fields["milliseconds"] = round(record.seconds * 1000, 1)
    fields["first_event_milliseconds"] = None if first is None else round(first * 1000, 1)
    fields.update((f"{kind}_tokens", amount) for kind, amount in record.tokens().items())
    fields["ignored"] = ",".join(record.ignored)
    return fields


def whereabouts(failure: Failure) -> str:
    """Say what kind of exception it was and where, without its message, which may quote a prompt."""
    frames = traceback.extract_tb(failure.getTracebackObject())
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames[-8:]))
    return f"{failure.type.__name__ if failure.type else 'unknown'} at {places}"


def observer() -> ILogObserver:
    """Make the JSON observer on standard output: a factory, as `twistd --logger` wants one."""
    return observing(Log(format="json"), sys.stdout)


def text() -> ILogObserver:
    """Make the text observer on standard output: a factory, as `twistd --logger` wants one."""
    return observing(Log(), sys.stdout)


def observing(settings: Log, stream: IO[str]) -> ILogObserver:
    """Make the observer that the settings ask for."""
    level = LogLevelFilterPredicate(LogLevel.lookupByName(settings.level))
    form = FileLogObserver(stream, _FORMS[settings.format])
    return FilteringLogObserver(form, [level])


def line_of_text(event: LogEvent) -> str:
    """Write an event for a person: time, level, who says it, what."""
    head = f"{formatTime(event['log_time'])} {_level(event):<5} {event['log_namespace']}: "
    return head + formatEvent(event).replace("\n", " | ") + _trace(event) + "\n"


def line_of_json(event: LogEvent) -> str:
    """Write an event as one JSON object: the fields of its message beside the message."""
    line = {
        "time": formatTime(event["log_time"]),
        "level": _level(event),
        "logger": event["log_namespace"],
        "message": formatEvent(event) + _trace(event),
    }
    fields = {name: value for name, value in event.items() if _is_field(name, value) and name not in line}
    return json.encode(line | fields).decode() + "\n"


def _is_field(name: str, value: object) -> bool:
    return isinstance(value, _SCALARS) and not name.startswith("log_")


def _level(event: LogEvent) -> str:
    return str(event["log_level"].name)


def _trace(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return "" if failure is None else f" [{whereabouts(failure)}]"


_FORMS: Final = {"text": line_of_text, "json": line_of_json}
