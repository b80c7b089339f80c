"""Tests of OpenAI's form of usage."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.usage.organization import (
    ENDPOINTS,
    CompletionsUsageRequest,
    parse_completions_usage,
    render_completions_usage,
)
from codexd.neutral.event import Usage
from codexd.neutral.fault import FaultError
from codexd.neutral.usage import DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS, UsageSum
from codexd.wire import json
from tests.support.usage_rows import MIDNIGHT


def parse(**values: str) -> CompletionsUsageRequest:
    return parse_completions_usage({name: [value] for name, value in values.items()}, MIDNIGHT + 10 * DAY_SECONDS)


class CompletionsUsageTests(SynchronousTestCase):
    def test_a_page_has_the_default_number_of_buckets_and_names_the_next_one(self) -> None:
        for width, seconds, count in (("1d", DAY_SECONDS, 7), ("1h", HOUR_SECONDS, 24), ("1m", MINUTE_SECONDS, 60)):
            parsed = parse(start_time=str(MIDNIGHT), bucket_width=width)
            page = json.decode(render_completions_usage((), parsed))
            self.assertEqual(len(page["data"]), count)
            self.assertEqual(page["data"][-1]["end_time"], MIDNIGHT + count * seconds)
            self.assertEqual((page["has_more"], page["next_page"]), (True, f"page_{MIDNIGHT + count * seconds}"))

    def test_the_pages_cover_the_whole_time_once(self) -> None:
        starts: list[int] = []
        more: dict[str, str] = {}
        while True:
            parsed = parse(start_time=str(MIDNIGHT), end_time=str(MIDNIGHT + 5 * DAY_SECONDS), limit="2", **more)
            page = json.decode(render_completions_usage((), parsed))
            starts += [bucket["start_time"] for bucket in page["data"]]
            if not page["has_more"]:
                break
            more = {"page": page["next_page"]}
        self.assertEqual(starts, [MIDNIGHT + day * DAY_SECONDS for day in range(5)])

    def test_groups_and_filters_become_those_of_the_ledger(self) -> None:
        values = {"start_time": [str(MIDNIGHT)], "group_by[]": ["api_key_id", "project_id"], "models[]": ["m"]}
        query = parse_completions_usage(values | {"api_key_ids[]": ["alice"]}, MIDNIGHT + 1).query
        self.assertEqual(query.group_by, ("key",))
        self.assertEqual((query.filter.key, query.filter.model, query.filter.endpoint), (("alice",), ("m",), ENDPOINTS))

    def test_estimated_tokens_are_in_the_sums_and_named(self) -> None:
        parsed = parse(start_time=str(MIDNIGHT), limit="1")
        counted = Usage(input_tokens=10, cached_tokens=4, cache_write_tokens=1, output_tokens=20)
        sums = [
            UsageSum(start=MIDNIGHT, seconds=DAY_SECONDS, model="m", requests=1, errors=0, usage=usage)
            for usage in (counted, Usage(input_tokens=5, output_tokens=6, estimated=True))
        ]
        (bucket,) = json.decode(render_completions_usage(sums, parsed))["data"]
        (result,) = bucket["results"]
        names = ("input_tokens", "output_tokens", "input_cached_tokens", "input_uncached_tokens", "num_model_requests")
        self.assertEqual([result[name] for name in names], [15, 26, 4, 10, 2])
        self.assertEqual(result["estimated_tokens"], 11)

    def test_wrong_values_are_refused_with_their_parameter(self) -> None:
        for name, value in (
            ("start_time", "x"),
            ("bucket_width", "1w"),
            ("limit", "32"),
            ("group_by", "line_item"),
            ("page", "page_0"),
            ("page", "7"),
            ("end_time", str(MIDNIGHT)),
            ("project_ids", "p"),
        ):
            error = self.assertRaises(FaultError, parse, **{"start_time": str(MIDNIGHT), name: value})
            self.assertEqual(error.fault.param, name)
        self.assertEqual(self.assertRaises(FaultError, parse).fault.kind, "missing")
