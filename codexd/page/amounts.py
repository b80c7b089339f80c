"""Amounts and long names as people read them."""

from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration(seconds: float | None) -> str:
    """Return a duration such as `320 ms`, `4.2 s`, `3 min 5 s`, `2 h 4 min` or `3 d 2 h`; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, name, smaller_size, smaller in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // smaller_size} {smaller}"
    raise AssertionError(seconds)


def size(count: int) -> str:
    """Return a size such as `340 B` or `12.5 MiB`."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def number(count: int) -> str:
    """Return a number with separators, such as `12,345`."""
    return f"{count:,}"


def shorten(text: str, most: int) -> str:
    """Return a text, or its beginning with an ellipsis if it has more characters than `most`."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
