"""Tests of the queries of usage."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.usage.request import MAX_BUCKETS, MAX_VALUES, asks_for_rows, parse_limits, parse_rows, parse_sums
from codexd.neutral.fault import FaultError
from codexd.neutral.usage import DAY_SECONDS, HOUR_SECONDS, RowPosition, UsageFilter, UsageQuery
from tests.support.usage_rows import MIDNIGHT

NOON = MIDNIGHT + DAY_SECONDS // 2


def sums(accept: str | None = None, **values: str) -> UsageQuery:
    return parse_sums({name: [value] for name, value in values.items()}, accept, NOON).query


class UsageRequestTests(SynchronousTestCase):
    def test_without_parameters_it_is_the_last_week_by_model(self) -> None:
        end = MIDNIGHT + DAY_SECONDS
        expected = UsageQuery(filter=UsageFilter(start=end - 7 * DAY_SECONDS, end=end), group_by=("model",))
        self.assertEqual(sums(), expected)

    def test_times_are_unix_seconds_or_iso_8601(self) -> None:
        for text in (str(NOON), "2026-12-01T12:00:00Z", "2026-12-01T12:00", "2026-12-01T14:00:00+02:00"):
            query = sums(bucket="hour", start=text, end=str(NOON + 1))
            self.assertEqual((query.filter.start, query.filter.end), (NOON, NOON + HOUR_SECONDS), text)
        self.assertEqual(sums(start="2026-12-01").filter.start, MIDNIGHT)

    def test_the_time_is_widened_to_whole_buckets(self) -> None:
        query = sums(start=str(NOON), end=str(NOON + 1))
        self.assertEqual((query.filter.start, query.filter.end), (MIDNIGHT, MIDNIGHT + DAY_SECONDS))

    def test_groups_and_filters_are_lists(self) -> None:
        parsed = parse_sums({"group_by": ["key,backend", "model"], "key[]": ["a", "b"], "model": ["m"]}, None, NOON)
        self.assertEqual(parsed.query.group_by, ("key", "model", "backend"))
        self.assertEqual((parsed.query.filter.key, parsed.query.filter.model), (("a", "b"), ("m",)))
        self.assertEqual(sums(group_by="").group_by, ())

    def test_the_format_is_that_of_the_parameter_else_of_the_header(self) -> None:
        for accept, values, expected in (
            (None, {}, "json"),
            ("*/*", {}, "json"),
            ("text/html, text/csv;q=0.9", {}, "csv"),
            ("application/x-ndjson", {}, "ndjson"),
            ("text/csv", {"format": ["json"]}, "json"),
        ):
            self.assertEqual(parse_rows(values, accept, NOON).format, expected, accept)

    def test_rows_have_a_cursor_and_a_limit(self) -> None:
        query = parse_rows({"after": ["17-3"], "limit": ["5"]}, None, NOON).query
        self.assertEqual((query.after, query.limit), (RowPosition(17, 3), 5))
        self.assertTrue(asks_for_rows({"view": ["raw"]}))
        self.assertFalse(asks_for_rows({}))

    def test_wrong_values_are_refused_with_their_parameter(self) -> None:
        wrong: list[tuple[str, list[str]]] = [
            ("start", ["yesterday"]),
            ("start", ["-1"]),
            ("start", ["9999-01-01"]),
            ("start", [str(NOON + 10 * DAY_SECONDS)]),
            ("start", [str(NOON - (MAX_BUCKETS + 1) * DAY_SECONDS)]),
            ("end", ["2026-13-01"]),
            ("bucket", ["minute"]),
            ("group_by", ["model,user"]),
            ("format", ["xml"]),
            ("key", ["a"] * (MAX_VALUES + 1)),
        ]
        for name, values in wrong:
            error = self.assertRaises(FaultError, parse_sums, {name: values}, None, NOON)
            self.assertEqual((error.fault.kind, error.fault.param), ("wrong_value", name), values)
        for name, value in (("limit", "0"), ("limit", "1001"), ("after", "17"), ("after", "x-1")):
            error = self.assertRaises(FaultError, parse_rows, {name: [value]}, None, NOON)
            self.assertEqual((error.fault.kind, error.fault.param), ("wrong_value", name))

    def test_unknown_parameters_are_refused_by_name(self) -> None:
        for parse, name in (
            (parse_sums, "grop_by"),
            (parse_sums, "limit"),
            (parse_rows, "group_by"),
            (parse_rows, "x[]"),
        ):
            error = self.assertRaises(FaultError, parse, {"start": [""], name: ["a"]}, None, NOON)
            self.assertEqual((error.fault.kind, error.fault.status, error.fault.param), ("unsupported", 400, name))
        self.assertRaises(FaultError, parse_limits, {"key": [""]})
        error = self.assertRaises(FaultError, parse_sums, {"<b>": ["a"]}, None, NOON)
        self.assertEqual(error.fault.param, None)
        self.assertNotIn("<b>", error.fault.message)
