"""The access log and the log observers: text or JSON, never the content of requests or responses.

`twistd --logger=codexd.observe.log.observer` writes JSON, `codexd.observe.log.text` text.
"""

import os
import time
from typing import IO, Any, Final

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from zope.interface import implementer

from codexd.context import OK, RequestRecord
from codexd.observe.journal import is_journal
from codexd.observe.log_format import REQUEST_KEY, format_failure, select_format
from codexd.observe.log_writer import LogDestination, LogWriter, standard_output
from codexd.observe.request_line import RequestLine
from codexd.settings import Log

__all__ = ["AccessLog", "LeveledObserver", "build_log_writer", "build_observer", "format_failure", "observer", "text"]

_SERVER_FAULT: Final = 500
_NOT_IMPLEMENTED: Final = 501
"""The status of a method that the client made up, which is no failure of the server."""

_PROBES: Final = frozenset(("/livez", "/readyz", "/healthz", "/metrics"))
_LOGGER: Final = Logger(namespace="codexd.request")
_LEVELS: Final = (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical)


class AccessLog:
    """Writes one line for every request.

    Args:
        logger: the logger to write to.
    """

    def __init__(self, logger: Logger = _LOGGER) -> None:
        self._logger = logger

    def write(self, record: RequestRecord) -> None:
        """Write the line of a finished request.

        The event is built here and not by the logger, and the observers of this module format it themselves: this
        is the one line that every request pays for. Any other observer gets the text as the event's message.
        """
        logger, line = self._logger, RequestLine(record)
        logger.observer(
            {
                "log_logger": logger,
                "log_level": _log_level(record),
                "log_namespace": logger.namespace,
                "log_source": None,
                "log_format": "{request_line}",
                "log_time": time.time(),
                "event": line.event,
                REQUEST_KEY: line,
            }
        )


def _log_level(record: RequestRecord) -> Any:
    """Return warn for a failure of the server, debug for a probe, else info."""
    if record.outcome != OK and record.status >= _SERVER_FAULT and record.status != _NOT_IMPLEMENTED:
        return LogLevel.warn
    return LogLevel.debug if record.route in _PROBES else LogLevel.info


def observer() -> ILogObserver:
    """Return a JSON observer on standard output, for `twistd --logger`."""
    return _build_standard_observer(Log(format="json"))


def text() -> ILogObserver:
    """Return a text observer on standard output, for `twistd --logger`."""
    return _build_standard_observer(Log())


def _build_standard_observer(settings: Log) -> ILogObserver:
    destination = standard_output()
    journal = is_journal(destination.descriptor, os.environ)
    return build_observer(settings, build_log_writer(settings, destination, journal), journal)


@implementer(ILogObserver)
class LeveledObserver:
    """A log observer whose level can be changed while the daemon runs.

    What Twisted logs at the level info is of the level debug here: it is about factories and log files. Only codexd's
    own events have names.

    Args:
        settings: the format and the first level.
        stream: where the lines are written.
        journal: the stream leads to systemd's journal.
    """

    def __init__(self, settings: Log, stream: IO[Any] | LogWriter, journal: bool = False) -> None:
        self._format = select_format(settings.format, journal)
        self._stream = stream
        self.set_level(settings.level)

    def __call__(self, event: LogEvent) -> None:
        """Write an event, unless it is below the level (ILogObserver)."""
        level = event.get("log_level")
        if level is LogLevel.info and "event" not in event:
            level = LogLevel.debug
            event = event | {"log_level": level}
        if level in self._levels:
            self._stream.write(self._format(event))

    def set_level(self, name: str) -> None:
        """Log from this level on: `debug`, `info`, `warn` or `error`."""
        self._levels = frozenset(_LEVELS[_LEVELS.index(LogLevel.lookupByName(name)) :])


def build_log_writer(settings: Log, destination: LogDestination, journal: bool = False) -> LogWriter:
    """Build the writer of a log with the format of the settings."""
    format_line = select_format(settings.format, journal)

    def format_notice(count: int) -> str:
        return format_line(
            {
                "log_time": time.time(),
                "log_level": LogLevel.warn,
                "log_namespace": LogWriter.__module__,
                "log_format": "{count} log lines were dropped: their destination stalled or failed",
                "event": "log_lines_dropped",
                "count": count,
            }
        )

    return LogWriter(destination, format_notice)


def build_observer(settings: Log, stream: IO[Any] | LogWriter, journal: bool = False) -> LeveledObserver:
    """Build an observer with the format and level of the settings."""
    return LeveledObserver(settings, stream, journal)
