"""docs/logs.md and docs/metrics.md list what a real log and a real registry have."""

import re

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord
from codexd.neutral.event import Usage
from codexd.observe.log_format import format_json
from codexd.observe.metrics import Metrics
from codexd.observe.request_line import RequestLine
from codexd.wire import json
from docs.observability import DOCS, TABLES, rewrite

LOGS, METRICS = DOCS / "logs.md", DOCS / "metrics.md"
SUFFIXES = {"counter": "_total", "gauge": "", "histogram": ""}


def exported() -> set[str]:
    """Return the names of what a registry exports, as a scrape sees them."""
    text = re.sub(r"^.*_created.*$", "", Metrics().render().decode(), flags=re.MULTILINE)
    return {family.name + SUFFIXES[family.type] for family in text_string_to_metric_families(text)}


class ObservabilityTests(SynchronousTestCase):
    def test_every_page_has_the_tables_of_the_code(self) -> None:
        for page in DOCS.glob("*.md"):
            text = page.read_text(encoding="utf-8")
            self.assertEqual(rewrite(text), text, f"{page.name}: run `make reference`")
        for name in TABLES:
            pages = [page for page in (LOGS, METRICS) if f"<!-- table: {name} -->" in page.read_text(encoding="utf-8")]
            self.assertEqual(len(pages), 1, name)

    def test_the_listed_metrics_are_those_of_a_registry(self) -> None:
        listed = set(re.findall(r"^\| `((?:codexd|process)_\w+)`", METRICS.read_text(encoding="utf-8"), re.MULTILINE))
        self.assertEqual(listed, exported())

    def test_the_listed_fields_are_those_of_a_line(self) -> None:
        page = LOGS.read_text(encoding="utf-8")
        table = page[page.index("## The line of a request") : page.index("## Text")]
        listed = re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)))
        record = RequestRecord(first_event_seconds=0.5, usages=[Usage()])
        event = {"log_time": 0.0, "log_level": _Level, "log_namespace": "codexd.request", "event": "request"}
        line = json.decode(format_json(event | {"request_line": RequestLine(record)}).encode())
        self.assertEqual(sorted(listed), sorted(line))


class _Level:
    name = "info"
