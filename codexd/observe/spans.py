"""Describes a finished request as spans: names and attributes of OpenTelemetry's semantic conventions, no content."""

from collections.abc import Iterator
from typing import Final, Literal

from attrs import frozen

from codexd.context import OK, RequestRecord
from codexd.timeline import Step

AttributeValue = str | int | float | bool | tuple[str, ...]

_SERVER_FAULT: Final = 500
_CHILDREN: Final[dict[str, Literal["client", "internal"]]] = {
    "decode": "internal",
    "recall": "internal",
    "images": "internal",
    "queue": "internal",
    "rpc": "client",
    "upstream": "client",
    "paused": "internal",
    "store": "internal",
}
"""The steps that are spans of their own, and their kind."""

_EVENTS: Final = frozenset(("retry", "fallback"))
_OPERATIONS: Final = {
    "chat": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
}
"""`gen_ai.operation.name` by dialect."""

_USAGE: Final = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cached": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}


@frozen(kw_only=True)
class SpanEvent:
    """Something that happened in a span.

    Attributes:
        name: what it is.
        at: when, in Unix seconds.
        attributes: more about it.
    """

    name: str
    at: float
    attributes: dict[str, AttributeValue]


@frozen(kw_only=True)
class SpanDescription:
    """One span, without the ids of its trace.

    Attributes:
        name: its name, which takes few values.
        kind: its kind.
        span_id: its id; empty if any will do.
        began: when it began, in Unix seconds.
        ended: when it ended.
        attributes: its attributes.
        error: the kind of its failure; empty for none.
        events: what happened in it.
    """

    name: str
    kind: Literal["server", "client", "internal"]
    span_id: str
    began: float
    ended: float
    attributes: dict[str, AttributeValue]
    error: str = ""
    events: tuple[SpanEvent, ...] = ()


def describe_request(record: RequestRecord) -> SpanDescription:
    """Describe the span of a finished request, or of a finished background response."""
    is_background = record.method == "background"
    failed = record.outcome != OK
    return SpanDescription(
        name=f"{record.method} {record.route}",
        kind="internal" if is_background else "server",
        span_id="" if record.span is None else record.span.span_id,
        began=record.time,
        ended=record.time + record.seconds,
        attributes=_present(_http_attributes(record) | _model_attributes(record) | _own_attributes(record)),
        # A fault of the client is no error of a server's span.
        error=record.outcome if failed and record.status >= _SERVER_FAULT else "",
        events=tuple(_list_events(record)),
    )


def describe_steps(record: RequestRecord) -> Iterator[SpanDescription]:
    """Describe the spans of a request's steps."""
    steps = record.timeline.steps
    for number, step in enumerate(steps):
        if step.kind in _CHILDREN:
            ended = _end_of_response(steps, number) if step.kind == "upstream" else step.ended
            yield _describe_step(step, record, record.began + record.seconds if ended is None else ended)


def _describe_step(step: Step, record: RequestRecord, ended: float) -> SpanDescription:
    attributes: dict[str, AttributeValue] = {"codexd.status": step.status, "codexd.count": step.count}
    failed = step.status not in ("", "ok", "admitted")
    if step.kind == "rpc":
        attributes |= {"rpc.system.name": "jsonrpc", "rpc.method": step.label}
    elif step.kind == "upstream":
        attributes |= {"http.request.method": "POST", "http.request.body.size": step.size}
        if step.status.isdecimal():
            attributes["http.response.status_code"] = int(step.status)
            failed = not step.status.startswith("2")
    return SpanDescription(
        name=f"{step.kind} {step.label}".strip(),
        kind=_CHILDREN[step.kind],
        span_id=step.span_id,
        began=_unix(step.began, record),
        ended=_unix(max(ended, step.began), record),
        attributes=_present(attributes | ({"error.type": step.status} if failed else {})),
        error=step.status if failed else "",
    )


def _end_of_response(steps: list[Step], number: int) -> float | None:
    """Return when the response of an upstream ended: with its last event, before the next request."""
    end = steps[number].ended
    for step in steps[number + 1 :]:
        if step.kind == "upstream":
            break
        if step.kind == "event" and step.ended is not None:
            end = step.ended if end is None else max(end, step.ended)
    return end


def _http_attributes(record: RequestRecord) -> dict[str, AttributeValue]:
    if record.method == "background":
        return {"http.route": record.route}
    sizes = {
        kind: sum(step.size for step in record.timeline.steps if step.kind == kind) for kind in ("received", "sent")
    }
    return {
        "http.request.method": record.method if record.method.isupper() else "_OTHER",
        "http.route": record.route,
        "http.response.status_code": record.status,
        "http.request.body.size": sizes["received"],
        "http.response.body.size": sizes["sent"],
        "error.type": "" if record.outcome == OK else record.outcome,
    }


def _model_attributes(record: RequestRecord) -> dict[str, AttributeValue]:
    """Return what concerns the model; nothing for requests that ask none."""
    if not record.model:
        return {}
    finished = (step.status for step in record.timeline.steps if step.kind == "event" and step.label == "ended")
    return {
        "gen_ai.operation.name": _OPERATIONS.get(record.dialect, record.dialect),
        "gen_ai.provider.name": "openai" if record.backend in ("", "codex") else record.backend,
        "gen_ai.request.model": record.model,
        "gen_ai.request.stream": record.stream,
        "gen_ai.response.finish_reasons": tuple(finished),
        **{_USAGE[kind]: amount for kind, amount in record.tokens().items() if amount},
        **(
            {}
            if record.first_event_seconds is None
            else {"gen_ai.response.time_to_first_chunk": record.first_event_seconds}
        ),
    }


def _own_attributes(record: RequestRecord) -> dict[str, AttributeValue]:
    return {
        "codexd.request.id": record.id,
        "codexd.key": record.principal,
        "codexd.backend": record.backend,
        "codexd.worker": record.worker,
        "codexd.thread": record.thread,
    }


def _list_events(record: RequestRecord) -> Iterator[SpanEvent]:
    for step in record.timeline.steps:
        if step.kind in _EVENTS:
            yield SpanEvent(name=step.kind, at=_unix(step.began, record), attributes={"error.type": step.status})


def _present(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value not in ("", ())}


def _unix(at: float, record: RequestRecord) -> float:
    return record.time + at - record.began
