"""The record of a request becomes what the page shows of it."""

from collections.abc import Iterator
from typing import Final

from codexd.context import CLIENT_DISCONNECTED, OK, RequestRecord
from codexd.page.amounts import number
from codexd.page.requests import PARTS, Bar, RequestView
from codexd.timeline import Step

NO_FAILURES: Final = (OK, CLIENT_DISCONNECTED, "cancelled")
"""The outcomes that are no failures: what the client ended itself is none."""

_KINDS: Final = {
    "queue": "wait",
    "retry": "wait",
    "fallback": "wait",
    "paused": "wait",
    "upstream": "model",
    "rpc": "model",
    "event": "answer",
    "sent": "answer",
}
"""The colours of the steps; that of all others is `other`."""


def view_request(record: RequestRecord, running: bool, now: float) -> RequestView:
    """Return what the page shows of a request.

    Args:
        record: of the request.
        running: it has not ended.
        now: the time on the clock of the record.
    """
    seconds, tokens = now - record.began if running else record.seconds, record.tokens()
    return RequestView(
        id=record.id,
        at=record.time if running else record.time + seconds,
        method=record.method,
        path=record.path or record.route,
        model=record.model,
        principal=record.principal,
        backend=f"{record.backend} {record.worker}".strip(),
        status=record.status,
        outcome=record.outcome,
        note=record.note,
        is_failure=not running and record.outcome not in NO_FAILURES,
        is_running=running,
        seconds=seconds,
        first_event_seconds=record.first_event_seconds,
        input_tokens=tokens["input"],
        output_tokens=tokens["output"],
        parts=tuple(_list_parts(record, seconds)),
        steps=tuple(_view_step(step, record.began, now) for step in (*record.timeline.steps, *record.timeline.totals)),
    )


def _list_parts(record: RequestRecord, seconds: float) -> Iterator[Bar]:
    waited, first = record.queue_seconds, record.first_event_seconds
    if waited:
        yield _part("wait", 0.0, waited)
    if first is not None:
        yield _part("model", waited, first - waited)
        yield _part("answer", first, seconds - first)
    elif seconds > waited:
        yield _part("other", waited, seconds - waited)


def _part(kind: str, began: float, seconds: float) -> Bar:
    return Bar(name=PARTS[kind], began=began, seconds=max(seconds, 0.0), kind=kind)


def _view_step(step: Step, began: float, now: float) -> Bar:
    ended = now if step.ended is None else step.ended
    counts = f"{number(step.count)} times" if step.count > 1 else ""
    sizes = f"{number(step.size)} {'characters' if step.kind == 'event' else 'bytes'}" if step.size else ""
    return Bar(
        name=f"{step.kind} {step.label}".strip(),
        began=step.began - began,
        seconds=ended - step.began,
        kind=_KINDS.get(step.kind, "other"),
        status=step.status,
        detail=", ".join(filter(None, (counts, sizes))),
    )
