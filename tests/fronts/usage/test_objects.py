"""Tests of rendering usage."""

import csv
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.usage.objects import render_rows, render_sums
from codexd.neutral.usage import DAY_SECONDS, RowPage, RowPosition, UsageFilter, UsageQuery, UsageSum
from codexd.wire import json
from tests.support.usage_rows import MIDNIGHT, ROW, row

QUERY = UsageQuery(filter=UsageFilter(start=MIDNIGHT, end=MIDNIGHT + DAY_SECONDS), group_by=("model",))
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\uff1d1")


def total(model: str = "gpt-5") -> UsageSum:
    return UsageSum(start=MIDNIGHT, seconds=DAY_SECONDS, model=model, requests=2, errors=1, usage=ROW.usage)


def read_csv(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(body.decode())))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


class ObjectsTests(SynchronousTestCase):
    def test_every_format_has_the_same_values(self) -> None:
        (bucket,) = json.decode(render_sums([total()], QUERY, "json"))["data"]
        (result,) = bucket["results"]
        line = json.decode(render_sums([total()], QUERY, "ndjson"))
        (cells,) = read_csv(render_sums([total()], QUERY, "csv"))
        times = {"start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:00Z"}
        self.assertEqual({name: bucket[name] for name in times}, times)
        self.assertEqual(line, {**times, **result})
        shown = {name: _text(value) for name, value in (times | result).items()}
        self.assertEqual(cells, {name: text for name, text in shown.items() if name != "object"})

    def test_totals_of_what_is_counted_and_of_what_is_estimated_are_separate(self) -> None:
        counted, estimated = json.decode(render_sums([total("a"), total("b")], QUERY, "json"))["totals"]
        self.assertEqual((counted["estimated"], counted["requests"], counted["input_tokens"]), (False, 4, 20))
        self.assertEqual((estimated["estimated"], estimated["requests"], estimated["input_tokens"]), (True, 0, 0))

    def test_no_cell_begins_as_a_formula(self) -> None:
        for text in FORMULAS:
            page = RowPage(rows=(row(1, model=text, key=text, request=text),))
            (cells,) = read_csv(render_rows(page, "csv"))
            for name in ("model", "key", "request"):
                self.assertEqual(cells[name], f"'{text}", name)
            (summed,) = read_csv(render_sums([total(text)], QUERY, "csv"))
            self.assertEqual(summed["model"], f"'{text}")

    def test_a_cell_with_separators_is_one_cell(self) -> None:
        text = 'a,b"c\r\nd'
        (cells,) = read_csv(render_rows(RowPage(rows=(row(1, model=text),)), "csv"))
        self.assertEqual(cells["model"], text)

    def test_a_page_names_the_next_one(self) -> None:
        page = json.decode(render_rows(RowPage(rows=(ROW,), next=RowPosition(MIDNIGHT, 1)), "json"))
        self.assertEqual((page["has_more"], page["next"]), (True, f"{MIDNIGHT}-1"))
        self.assertEqual(page["data"][0]["id"], f"{MIDNIGHT}-1")
