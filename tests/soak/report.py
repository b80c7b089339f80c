"""The report of a soak."""

from collections.abc import Iterator

from tests.soak.runner import SoakResult
from tests.soak.samples import slope_per_minute

_MEGABYTE = 2**20


def render(result: SoakResult) -> str:
    """Render what a soak found: requests by outcome, faults, resources with their slopes, dishonest ends."""
    return "\n".join(_lines(result))


def _lines(result: SoakResult) -> Iterator[str]:
    yield "client            outcome       count  detail"
    for (client, outcome, detail), count in sorted(result.counts.items()):
        yield f"{client:<18}{outcome:<14}{count:>5}  {detail}"
    yield ""
    yield "faults: " + ", ".join(f"{name} {count}" for name, count in sorted(result.faults.items()))
    yield ""
    yield "resource                      first       last    slope a minute (second half)"
    for name in result.samples[0].values:
        unit = _MEGABYTE if name.endswith("_bytes") else 1
        first, last = (sample.values[name] / unit for sample in (result.samples[0], result.samples[-1]))
        slope = slope_per_minute(result.samples, name) / unit
        yield f"{name:<26}{first:>9.1f}  {last:>9.1f}  {slope:>+9.2f}{' MB' if unit > 1 else ''}"
    yield ""
    if result.left:
        yield f"still running after the last request: {result.left}"
    yield f"dishonest ends: {sum(result.dishonest.values())}"
    for what, count in sorted(result.dishonest.items()):
        yield f"  {count} x {what}"
