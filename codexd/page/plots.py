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
_HOURS: Final = (3, 2, 1, 0)

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
    series = [(name, style, _points(plot.select, minutes, now, share)) for share, name, style in _QUANTILES]
    top = nice_ceiling(max((value for _, _, points in series for _, value in points), default=1.0))
    title = element("title", plot.title, id=f"{plot.id}-title")
    drawing = element(
        "svg",
        title,
        element("desc", _summary(plot.select, minutes), id=f"{plot.id}-desc"),
        _axes(top),
        [_line(points, top, style) for _, style, points in series],
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_labelledby=f"{plot.id}-title {plot.id}-desc",
    )
    return element(
        "figure",
        element("figcaption", element("h3", plot.title), element("p", _summary(plot.select, minutes)), _legend()),
        drawing,
    )


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
    if not every.total:
        return "No requests in the last three hours."
    median, high = duration(every.quantile(0.5)), duration(every.quantile(0.95))
    requests = "1 request" if every.total == 1 else f"{every.total} requests"
    return f"{requests} in the last three hours: median {median}, 95 % took at most {high}."


def _x(ago: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - 8) * (1 - ago / MINUTES), 1)


def _y(value: float, top: float) -> float:
    return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / top), 1)


def _axes(top: float) -> list[Tag]:
    lines: list[Tag] = []
    for value in (0.0, top / 2, top):
        y = _y(value, top)
        lines.append(element("line", x1=_LEFT, x2=_WIDTH - 8, y1=y, y2=y, class_="grid"))
        label = duration(value) if value else "0"
        lines.append(element("text", label, x=_LEFT - 6, y=y + 4, text_anchor="end"))
    for hours in _HOURS:
        label = f"{hours} h ago" if hours else "now"
        anchor = "end" if hours == 0 else "middle" if hours < _HOURS[0] else "start"
        lines.append(element("text", label, x=_x(60 * hours), y=_HEIGHT - 4, text_anchor=anchor))
    return lines


def _line(points: list[tuple[int, float]], top: float, style: str) -> Tag:
    """Draw one series: a line where minutes follow each other, and a dot for a minute alone."""
    path, before = [], None
    for ago, value in points:
        move = "L" if before is not None and before - ago == 1 else "M"
        path.append(f"{move}{_x(ago)} {_y(value, top)}" + ("h0" if move == "M" else ""))
        before = ago
    return element("path", d="".join(path), class_=f"series {style}")


def _legend() -> Tag:
    return element(
        "p",
        [element("span", name, class_=f"key {style}") for _, name, style in _QUANTILES],
        class_="legend",
        aria_hidden="true",
    )
