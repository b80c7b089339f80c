"""Plots of the last hours as SVG, drawn by the server."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from twisted.web.template import Tag

from codexd.neutral.records import frozen
from codexd.page.amounts import duration
from codexd.page.html import element
from codexd.policy.request_history import MINUTES, Durations, Minute

_WIDTH, _HEIGHT = 600, 160
_LEFT, _BOTTOM, _TOP = 52, 22, 8
_NICE: Final = (1, 2, 5)
_QUANTILES: Final = ((0.5, "median", "median"), (0.95, "95 %", "high"))
_SHORTEST_MINUTES: Final = 15
_STEPS: Final = (5, 10, 15, 30, 60)
_MOST_STEPS: Final = 4

Select = Callable[[Minute], Durations]


@frozen(kw_only=True)
class Plot:
    """A plot of durations by minute.

    Attributes:
        id: of the elements that describe it.
        title: what it shows.
        select: the durations of a minute.
    """

    id: str
    title: str
    select: Select


def draw_plot(plot: Plot, minutes: Sequence[Minute], now: float) -> Tag:
    """Draw the median and the 95th percentile of each minute, with a summary for those who cannot see it."""
    span = choose_span(minutes, now)
    series = [(name, style, _points(plot.select, minutes, now, share)) for share, name, style in _QUANTILES]
    top = nice_ceiling(max((value for _, _, points in series for _, value in points), default=1.0))
    title = element("title", plot.title, id=f"{plot.id}-title")
    drawing = element(
        "svg",
        title,
        element("desc", _summary(plot.select, minutes), id=f"{plot.id}-desc"),
        _axes(top, span),
        [_line(points, top, style, span) for _, style, points in series],
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_labelledby=f"{plot.id}-title {plot.id}-desc",
    )
    return element(
        "figure",
        element("figcaption", element("h3", plot.title), element("p", _summary(plot.select, minutes)), _legend()),
        drawing,
    )


def choose_span(minutes: Iterable[Minute], now: float) -> int:
    """Return how many minutes a plot shows: from the oldest with a request, but not too few."""
    oldest = min((minute.number for minute in minutes), default=int(now // 60))
    step = _step(span := max(int(now // 60) - oldest, _SHORTEST_MINUTES))
    return min(-(-span // step) * step, MINUTES)


def _step(span: int) -> int:
    """Return the minutes between two labels of the axis."""
    return next(step for step in _STEPS if span <= step * _MOST_STEPS)


def nice_ceiling(value: float) -> float:
    """Return the smallest number of 1, 2 or 5 times a power of ten that is not below a positive value."""
    power = 1e-3
    while True:
        for step in _NICE:
            if step * power >= value:
                return step * power
        power *= 10


def _points(select: Select, minutes: Iterable[Minute], now: float, share: float) -> list[tuple[int, float]]:
    """Return how many minutes ago, and the quantile."""
    this = int(now // 60)
    quantiles = ((this - minute.number, select(minute).quantile(share)) for minute in minutes)
    return [(ago, value) for ago, value in quantiles if value is not None]


def _summary(select: Select, minutes: Sequence[Minute]) -> str:
    every = Durations()
    for minute in minutes:
        every.add_all(select(minute))
    refused = sum(minute.refused for minute in minutes)
    without = (
        f" {_requests(refused)} reached no model and {'is' if refused == 1 else 'are'} left out." if refused else ""
    )
    if not every.total:
        return f"No answers in the last three hours.{without}" if refused else "No requests in the last three hours."
    median, high = duration(every.quantile(0.5)), duration(every.quantile(0.95))
    return f"{_requests(every.total)} in the last three hours: median {median}, 95 % took at most {high}.{without}"


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"


def _x(ago: float, span: int) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - 8) * (1 - ago / span), 1)


def _y(value: float, top: float) -> float:
    return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / top), 1)


def _axes(top: float, span: int) -> list[Tag]:
    lines: list[Tag] = []
    for value in (0.0, top / 2, top):
        y = _y(value, top)
        lines.append(element("line", x1=_LEFT, x2=_WIDTH - 8, y1=y, y2=y, class_="grid"))
        label = duration(value) if value else "0"
        lines.append(element("text", label, x=_LEFT - 6, y=y + 4, text_anchor="end"))
    for ago in range(0, span + 1, _step(span)):
        anchor = "end" if ago == 0 else "middle" if ago < span else "start"
        lines.append(element("text", _ago(ago), x=_x(ago, span), y=_HEIGHT - 4, text_anchor=anchor))
    return lines


def _ago(minutes: int) -> str:
    if not minutes:
        return "now"
    return f"{minutes // 60} h ago" if minutes % 60 == 0 else f"{minutes} min ago"


def _line(points: list[tuple[int, float]], top: float, style: str, span: int) -> Tag:
    """Draw one series: a line where minutes follow each other, and a dot for a minute alone."""
    path, before = [], None
    for ago, value in points:
        move = "L" if before is not None and before - ago == 1 else "M"
        path.append(f"{move}{_x(ago, span)} {_y(value, top)}" + ("h2" if move == "M" else ""))
        before = ago
    return element("path", d="".join(path), class_=f"series {style}")


def _legend() -> Tag:
    return element(
        "p",
        [element("span", name, class_=f"key {style}") for _, name, style in _QUANTILES],
        class_="legend",
        aria_hidden="true",
    )
