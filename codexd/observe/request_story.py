"""Renders a request and its timeline as JSON: for `GET /admin/requests`, `codexd trace` and the status page."""

from typing import Any

from codexd.context import RequestRecord
from codexd.observe.recent_requests import RecentRequest
from codexd.timeline import Step

_FIELDS = ("id", "method", "route", "path", "dialect", "model", "principal", "stream", "backend", "worker", "thread")


def render_summary(request: RecentRequest, now: float) -> dict[str, Any]:
    """Render a request without its timeline.

    Args:
        request: the request.
        now: the time on the reactor's clock, for one that runs.
    """
    record, running = request.record, request.running
    first = record.first_event_seconds
    return {
        "object": "request",
        **{name: getattr(record, name) for name in _FIELDS},
        "time": round(record.time, 3),
        "running": running,
        "status": None if running else record.status,
        "outcome": None if running else record.outcome,
        "note": record.note,
        "milliseconds": _milliseconds(now - record.began if running else record.seconds),
        "queue_milliseconds": _milliseconds(record.queue_seconds),
        "first_event_milliseconds": None if first is None else _milliseconds(first),
        "request_bytes": _total(record, "received"),
        "response_bytes": _total(record, "sent"),
        "tokens": record.tokens(),
        "tool_calls": sum(step.count for step in _steps(record) if step.label == "call_opened"),
        "ignored": list(record.ignored),
    }


def render_story(request: RecentRequest, now: float) -> dict[str, Any]:
    """Render a request with its timeline; arguments as `render_summary`."""
    record = request.record
    return {
        **render_summary(request, now),
        "timeline": [_render_step(step, record.began) for step in record.timeline.steps],
        "further": [_render_step(step, record.began) for step in record.timeline.totals],
    }


def _render_step(step: Step, began: float) -> dict[str, Any]:
    """Render a step; its times count from the arrival of the request."""
    rendered: dict[str, Any] = {
        "kind": step.kind,
        "label": step.label,
        "at_milliseconds": _milliseconds(step.began - began),
        "until_milliseconds": None if step.ended is None else _milliseconds(step.ended - began),
        "status": step.status,
        "count": step.count,
    }
    if step.size:
        rendered["characters" if step.kind == "event" else "bytes"] = step.size
    return rendered


def _steps(record: RequestRecord) -> tuple[Step, ...]:
    return (*record.timeline.steps, *record.timeline.totals)


def _total(record: RequestRecord, kind: str) -> int:
    return sum(step.size for step in _steps(record) if step.kind == kind)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
