"""Writes the tables of events and metrics from the tables in the code.

`make reference` rewrites what is between the markers of the pages; `tests/test_observability.py` compares them.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from codexd.observe.log_events import GROUPS
from codexd.observe.metric_tables import COUNTERS, GAUGES, LABELLED, LABELLED_GAUGES, TIMES

DOCS: Final = Path(__file__).parent
_BLOCK: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render_events() -> Iterator[str]:
    """Yield the lines of the tables of log events."""
    for group, events in GROUPS.items():
        yield from (f"### {group}", "", "| Event | Level | Meaning |", "| --- | --- | --- |")
        for name, (levels, meaning) in events.items():
            yield f"| `{name}` | {levels} | {meaning} |"
        yield ""


def render_metrics() -> Iterator[str]:
    """Yield the lines of the tables of metrics."""
    counters = [(f"{name}_total", (), text) for name, text in COUNTERS.items()]
    counters += [(f"{name}_total", labels, text) for name, (text, labels) in LABELLED.items()]
    gauges = [(name, (), text) for name, text in GAUGES.items()]
    gauges += [(name, labels, text) for name, (text, labels) in LABELLED_GAUGES.items()]
    yield from _render_table("Counters", sorted(counters))
    yield from _render_table("Gauges", sorted(gauges))
    yield from ("### Histograms", "", "| Metric | Labels | Meaning | Buckets |", "| --- | --- | --- | --- |")
    for name, described in sorted(TIMES.items()):
        bounds = ", ".join(f"{bound:g}" for bound in described.bounds)
        yield f"| `codexd_{name}` | {described.label or ''} | {described.text} | {bounds} |"
    yield ""


def _render_table(heading: str, rows: list[tuple[str, tuple[str, ...], str]]) -> Iterator[str]:
    yield from (f"### {heading}", "", "| Metric | Labels | Meaning |", "| --- | --- | --- |")
    for name, labels, text in rows:
        yield f"| `codexd_{name}` | {', '.join(labels)} | {text} |"
    yield ""


TABLES: Final[dict[str, Callable[[], Iterator[str]]]] = {"events": render_events, "metrics": render_metrics}
"""The tables by their names in the markers: `<!-- table: events -->` ... `<!-- end -->`."""


def rewrite(page: str) -> str:
    """Return the text of a page with its tables made again."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n" + "\n".join(TABLES[block[2]]()) + f"\n{block[3]}", page)


def main() -> None:
    """Rewrite the tables of all pages."""
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (rewritten := rewrite(page)) != page:
            path.write_text(rewritten, encoding="utf-8")


if __name__ == "__main__":
    main()
