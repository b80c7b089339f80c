"""Recent requests: a table with a bar for the parts of each one's time, and a page with the steps of one."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from twisted.web.template import Tag

from codexd.neutral.records import frozen
from codexd.page.amounts import duration, number, shorten
from codexd.page.html import Content, Layout, document, element, section, table

_BAR_WIDTH, _BAR_HEIGHT = 120, 12
_SHORTEST_SECONDS: Final = 1e-3
PARTS: Final = {
    "wait": "waiting for room",
    "model": "until the first event",
    "answer": "answering",
    "other": "without an event",
}
"""The colours of the parts of a request's time, and what they are."""
_ROW_HEIGHT, _LABEL_WIDTH, _CHART_WIDTH = 22, 240, 760
_STEP_CHARACTERS, MODEL_CHARACTERS = 34, 60


@frozen(kw_only=True)
class Bar:
    """One step of a request.

    Attributes:
        name: what it is.
        began: seconds since the request arrived.
        seconds: how long it lasted; 0 for a moment.
        kind: `wait`, `model`, `answer` or `other`: its colour.
        status: how it ended; empty where there is nothing to say.
        detail: further text.
    """

    name: str
    began: float
    seconds: float
    kind: str = "other"
    status: str = ""
    detail: str = ""


@frozen(kw_only=True)
class RequestView:
    """One request.

    Attributes:
        id: its `x-request-id`.
        at: when it ended, or when it arrived if it still runs; Unix time in seconds.
        method: the HTTP method.
        path: the template of its route, or the path that no route matched.
        model: the name of the model; empty if it names none.
        principal: who asked.
        backend: the back end with its worker; empty if none was asked.
        status: the HTTP status.
        outcome: `ok`, or the kind of the fault.
        note: details of the fault.
        is_failure: it has ended, without an answer and not because the client wanted that.
        is_running: it has not ended.
        seconds: from its arrival to its end, or until now.
        first_event_seconds: from its arrival to the model's first event.
        input_tokens: of all choices.
        output_tokens: of all choices.
        parts: where its time went, in a few parts, for the table.
        steps: its steps, for its own page.
    """

    id: str
    at: float
    method: str
    path: str
    model: str
    principal: str
    backend: str
    status: int
    outcome: str
    note: str
    is_failure: bool
    is_running: bool
    seconds: float
    first_event_seconds: float | None
    input_tokens: int
    output_tokens: int
    parts: tuple[Bar, ...]
    steps: tuple[Bar, ...]


_RECENT: Final = "Recent requests"
_HEADS: Final = ("Request", "Ended", "Model", "Key", "Outcome", "First event", "Time", "Tokens", "Parts of the time")


def requests_section(requests: Sequence[RequestView]) -> Tag:
    """Build the section with the table of the last requests."""
    if not requests:
        return section(_RECENT, "recent", element("p", "No request yet."))
    longest = max(one.seconds for one in requests)
    rows = [_row(one, longest) for one in requests]
    return section(_RECENT, "recent", table(_RECENT, _HEADS, rows, (5, 6, 7)), _legend())


def request_path(id: str) -> str:
    """Return the path of the page of a request."""
    return f"/status/requests/{quote(id, safe='')}"


def request_page(layout: Layout, request: RequestView) -> bytes:
    """Render the page of one request."""
    facts = (
        ("Request", f"{request.method} {request.path}"),
        ("State" if request.is_running else "Ended", "running" if request.is_running else clock_time(request.at)),
        ("Status", "" if request.is_running else str(request.status)),
        ("Outcome", "" if request.is_running else request.outcome),
        ("Details", request.note),
        ("Model", request.model),
        ("Back end", request.backend),
        ("Key", request.principal),
        ("First event", duration(request.first_event_seconds)),
        ("Time", duration(request.seconds)),
        ("Tokens", f"{number(request.input_tokens)} in, {number(request.output_tokens)} out"),
    )
    return document(
        layout,
        facts_list(facts),
        section("Timeline", "timeline", _waterfall(request), _steps_table(request)),
    )


def facts_list(facts: Iterable[tuple[str, Content]]) -> Tag:
    """Build a list of names and values; empty values are left out."""
    rows = [element("div", element("dt", name), element("dd", value)) for name, value in facts if value != ""]
    return element("dl", *rows, class_="facts")


def clock_time(at: float, with_date: bool = False) -> Tag:
    """Return a time of day in UTC, with the date for machines and as a tooltip; or with the date for all."""
    moment = datetime.fromtimestamp(at, UTC)
    full = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    shown = f"{moment:%Y-%m-%d %H:%M}" if with_date else f"{moment:%H:%M:%S}"
    return element("time", shown, datetime=f"{moment:%Y-%m-%dT%H:%M:%SZ}", title=full)


def _row(request: RequestView, longest: float) -> list[Content]:
    return [
        request_link(request),
        "running" if request.is_running else clock_time(request.at),
        shorten(request.model, MODEL_CHARACTERS),
        request.principal,
        _outcome(request),
        duration(request.first_event_seconds),
        duration(request.seconds),
        f"{number(request.input_tokens)} + {number(request.output_tokens)}" if request.output_tokens else "",
        _bar(request, longest),
    ]


def request_link(request: RequestView) -> Tag:
    """Return a link to the page of a request."""
    return element("a", f"{request.method} {request.path}", href=request_path(request.id), class_="path")


def _outcome(request: RequestView) -> Content:
    if request.is_running:
        return "running"
    return element("span", f"{request.status} {request.outcome}", class_="bad" if request.is_failure else None)


def _legend() -> Tag:
    parts = [element("span", name, class_=f"sample {kind}") for kind, name in PARTS.items()]
    return element("p", "Parts of the time: ", parts, class_="legend")


def _bar(request: RequestView, longest: float) -> Tag:
    scale = _BAR_WIDTH / max(longest, _SHORTEST_SECONDS)
    text = ", ".join(f"{part.name} {duration(part.seconds)}" for part in request.parts) or "nothing to show"
    return element(
        "svg",
        element("title", text),
        [
            element(
                "rect",
                x=round(part.began * scale, 1),
                y=0,
                width=max(round(part.seconds * scale, 1), 1),
                height=_BAR_HEIGHT,
                class_=f"part {part.kind}",
            )
            for part in request.parts
        ],
        viewBox=f"0 0 {_BAR_WIDTH} {_BAR_HEIGHT}",
        class_="bar",
        role="img",
        aria_label=text,
    )


def _waterfall(request: RequestView) -> Tag:
    """Draw the steps one below the other; the table below says the same in words."""
    total = max([request.seconds, *(step.began + step.seconds for step in request.steps)])
    scale = (_CHART_WIDTH - 8) / max(total, _SHORTEST_SECONDS)
    rows = [_waterfall_row(at, step, scale) for at, step in enumerate(request.steps)]
    width, height = _LABEL_WIDTH + _CHART_WIDTH, max(len(rows), 1) * _ROW_HEIGHT
    drawing = element("svg", rows, viewBox=f"0 0 {width} {height}", class_="waterfall", aria_hidden="true")
    return element("div", drawing, class_="wide")


def _waterfall_row(at: int, step: Bar, scale: float) -> list[Tag]:
    y, x = at * _ROW_HEIGHT, _LABEL_WIDTH + step.began * scale
    return [
        element("text", shorten(step.name, _STEP_CHARACTERS), x=_LABEL_WIDTH - 8, y=y + 15, text_anchor="end"),
        element(
            "rect",
            x=round(x, 1),
            y=y + 4,
            width=max(round(step.seconds * scale, 1), 2),
            height=_ROW_HEIGHT - 8,
            class_=f"part {step.kind}",
        ),
    ]


def _steps_table(request: RequestView) -> Tag:
    rows: list[list[Content]] = [
        [step.name, duration(step.began), duration(step.seconds) if step.seconds else "", step.status, step.detail]
        for step in request.steps
    ]
    return table("Steps of the request", ("Step", "After", "Lasted", "Status", "Details"), rows, (1, 2))
