"""The access log and the log observers: text or JSON, never the content of requests or responses.

`twistd --logger=codexd.observe.log.observer` writes JSON, `codexd.observe.log.text` text.
"""

import time
import traceback
from operator import attrgetter
from typing import IO, Any, Final, cast

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
from zope.interface import implementer

from codexd.context import OK, RequestRecord
from codexd.observe.log_writer import LogDestination, LogWriter, standard_output
from codexd.observe.logfmt import escape_controls, quote
from codexd.settings import Log
from codexd.wire import json

_REQUEST: Final = (
    "{method} {route} {status} {outcome} {milliseconds}ms id={id} principal={principal} "
    "dialect={dialect} model=%s tokens={input_tokens}+{output_tokens}"
)
_QUEUE: Final = " queue={queue_milliseconds}ms"
_OPTIONAL: Final = ("path", "backend", "worker", "thread", "note")
_FIELDS: Final = (
    "id",
    "method",
    "route",
    "path",
    "status",
    "dialect",
    "model",
    "principal",
    "stream",
    "backend",
    "worker",
    "thread",
    "outcome",
    "note",
)
_READ_FIELDS: Final = attrgetter(*_FIELDS)
_SERVER_FAULT: Final = 500
_NOT_IMPLEMENTED: Final = 501
"""The status of a method that the client made up, which is no failure of the server."""

_PROBES: Final = frozenset(("/livez", "/readyz", "/healthz", "/metrics"))
_LOGGER: Final = Logger(namespace="codexd.request")
_SCALARS: Final = (str, int, float, bool, type(None))


class AccessLog:
    """Writes one line for every request.

    Args:
        logger: the logger to write to.
    """

    def __init__(self, logger: Logger = _LOGGER) -> None:
        self._logger = logger

    def write(self, record: RequestRecord) -> None:
        """Write the line of a finished request."""
        self._logger.emit(_log_level(record), _format(record), **_fields(record))


def _format(record: RequestRecord) -> str:
    """Return the format of the line's text, without the fields that this request does not have.

    What a client can choose is in the format itself, quoted: a field of the event is written unquoted.
    """
    optional = "".join(f" {name}={_quoted(value)}" for name in _OPTIONAL if (value := getattr(record, name)))
    ignored = f" ignored={_quoted(','.join(record.ignored))}" if record.ignored else ""
    queue = _QUEUE if record.queue_seconds else ""
    return _REQUEST % _quoted(record.model) + queue + optional + ignored


def _quoted(value: str) -> str:
    return quote(value).replace("{", "{{").replace("}", "}}")


def _log_level(record: RequestRecord) -> Any:
    """Return warn for a failure of the server, debug for a probe, else info."""
    if record.outcome != OK and record.status >= _SERVER_FAULT and record.status != _NOT_IMPLEMENTED:
        return LogLevel.warn
    return LogLevel.debug if record.route in _PROBES else LogLevel.info


def _fields(record: RequestRecord) -> dict[str, Any]:
    first = record.first_event_seconds
    fields: dict[str, Any] = dict(zip(_FIELDS, _READ_FIELDS(record), strict=True))
    fields["milliseconds"] = round(record.seconds * 1000, 1)
    fields["queue_milliseconds"] = round(record.queue_seconds * 1000, 1)
    fields["first_event_milliseconds"] = None if first is None else round(first * 1000, 1)
    fields.update((f"{kind}_tokens", amount) for kind, amount in record.tokens().items())
    fields["ignored"] = ",".join(record.ignored)
    return fields


def format_failure(failure: Failure) -> str:
    """Return the exception's type and traceback without its message, which may quote a prompt."""
    frames = traceback.extract_tb(failure.getTracebackObject())
    places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames[-8:]))
    return f"{failure.type.__name__ if failure.type else 'unknown'} at {places}"


def observer() -> ILogObserver:
    """Return a JSON observer on standard output, for `twistd --logger`."""
    settings = Log(format="json")
    return build_observer(settings, build_log_writer(settings, standard_output()))


def text() -> ILogObserver:
    """Return a text observer on standard output, for `twistd --logger`."""
    return build_observer(Log(), build_log_writer(Log(), standard_output()))


@implementer(ILogObserver)
class LeveledObserver:
    """A log observer whose level can be changed while the daemon runs.

    Args:
        settings: the format and the first level.
        stream: where the lines are written.
    """

    def __init__(self, settings: Log, stream: IO[Any] | LogWriter) -> None:
        self._level = LogLevelFilterPredicate(LogLevel.lookupByName(settings.level))
        observer = FileLogObserver(cast(IO[Any], stream), _FORMATS[settings.format])
        self._observer = FilteringLogObserver(observer, [self._level])

    def __call__(self, event: LogEvent) -> None:
        """Write an event, unless it is below the level (ILogObserver)."""
        self._observer(event)

    def set_level(self, name: str) -> None:
        """Log from this level on: `debug`, `info`, `warn` or `error`."""
        self._level.setLogLevelForNamespace("", LogLevel.lookupByName(name))


def build_log_writer(settings: Log, destination: LogDestination) -> LogWriter:
    """Build the writer of a log with the format of the settings."""

    def format_notice(count: int) -> str:
        return _FORMATS[settings.format](
            {
                "log_time": time.time(),
                "log_level": LogLevel.warn,
                "log_namespace": LogWriter.__module__,
                "log_format": "{count} log lines were dropped: their destination stalled or failed",
                "count": count,
            }
        )

    return LogWriter(destination, format_notice)


def build_observer(settings: Log, stream: IO[Any] | LogWriter) -> LeveledObserver:
    """Build an observer with the format and level of the settings."""
    return LeveledObserver(settings, stream)


def format_text(event: LogEvent) -> str:
    """Format an event as one line of text: time, level, logger, message."""
    prefix = f"{formatTime(event['log_time'])} {_level(event):<5} {event['log_namespace']}: "
    return prefix + escape_controls(formatEvent(event)) + _failure_suffix(event) + "\n"


def format_json(event: LogEvent) -> str:
    """Format an event as one JSON object: its message, and the fields of the message."""
    line = {
        "time": formatTime(event["log_time"]),
        "level": _level(event),
        "logger": event["log_namespace"],
        "message": formatEvent(event) + _failure_suffix(event),
    }
    fields = {name: value for name, value in event.items() if _is_field(name, value) and name not in line}
    return json.encode(line | fields).decode() + "\n"


def _is_field(name: str, value: object) -> bool:
    return isinstance(value, _SCALARS) and not name.startswith("log_")


def _level(event: LogEvent) -> str:
    return str(event["log_level"].name)


def _failure_suffix(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return "" if failure is None else f" [{format_failure(failure)}]"


_FORMATS: Final = {"text": format_text, "json": format_json}
