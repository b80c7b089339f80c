"""Measure what the line of a request in the log costs the reactor."""

import timeit
from pathlib import Path
from typing import Any

from twisted.logger import FileLogObserver, Logger, LogPublisher, formatEvent, formatTime

from bench.report import Figure, delta_figure, format_ratio
from codexd.context import RequestRecord
from codexd.neutral.event import Usage
from codexd.observe.log import AccessLog, build_observer
from codexd.settings import Log

_RECORD = RequestRecord(
    id="req_0123456789abcdef0123456789abcdef",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    method="POST",
    route="/v1/chat/completions",
    path="/v1/chat/completions",
    status=200,
    dialect="chat",
    model="scripted",
    principal="anonymous",
    stream=True,
    backend="codex",
    worker="plain-0",
    thread="01a1b2c3-d4e5-7000-8000-000000000000",
    first_event_seconds=0.01,
    seconds=0.02,
    received_bytes=93,
    sent_bytes=1021,
    usages=[Usage(input_tokens=4, output_tokens=3)],
)
_FORMAT = (
    "{method} {route} {status} {outcome} {milliseconds}ms id={id} principal={principal} dialect={dialect}"
    " model={model} tokens={tokens} backend={backend} worker={worker} thread={thread}"
)


class _Sink:
    """A stream that keeps nothing."""

    def write(self, line: str) -> None:
        """Drop the line."""

    def flush(self) -> None:
        """Do nothing."""


def measure_log(state: Path, turns: int) -> list[Figure]:
    """Measure the line in both formats, and a line of the same fields that twisted.logger formats."""
    sink: Any = _Sink()
    twisted = Logger("codexd.request", observer=LogPublisher(FileLogObserver(sink, _format_as_twisted)))
    fields = {name: getattr(_RECORD, name) for name in ("method", "route", "status", "outcome", "id", "principal")}
    fields |= {name: getattr(_RECORD, name) for name in ("dialect", "model", "backend", "worker", "thread")}
    usual = _time(lambda: twisted.info(_FORMAT, milliseconds=20.0, tokens="4+3", **fields), turns)
    figures = [delta_figure("a line that twisted.logger formats", usual)]
    for name in ("text", "json"):
        observer = LogPublisher(build_observer(Log(format=name), sink))
        access_log = AccessLog(Logger("codexd.request", observer=observer))
        seconds = _time(lambda log=access_log: log.write(_RECORD), turns)  # type: ignore[misc]
        comparison = format_ratio(seconds, usual, "twisted.logger")
        figures.append(delta_figure(f"the line of a request ({name})", seconds, "0.33 x", comparison))
    return figures


def _format_as_twisted(event: Any) -> str:
    return f"{formatTime(event['log_time'])} {event['log_namespace']}: {formatEvent(event)}\n"


def _time(write: Any, turns: int) -> float:
    """Return the seconds of one call, of the fastest of five series."""
    return min(timeit.repeat(write, number=turns, repeat=5)) / turns
