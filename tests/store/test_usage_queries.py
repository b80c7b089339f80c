"""Tests of the ledger's queries."""

from attrs import evolve

from codexd.neutral.event import Usage
from codexd.neutral.fault import FaultError
from codexd.neutral.usage import (
    DAY_SECONDS,
    HOUR_SECONDS,
    MINUTE_SECONDS,
    RowPosition,
    RowQuery,
    UsageFilter,
    UsageQuery,
)
from codexd.store import usage_queries
from tests.store.test_usage_rows import ALL, LedgerCase
from tests.support.usage_rows import MIDNIGHT, ROW, row


class SumTests(LedgerCase):
    def test_all_tokens_are_summed_by_group_and_the_estimated_ones_apart(self) -> None:
        estimated = Usage(input_tokens=1, estimated=True)
        self.append(row(1), row(2), row(3, model="other"), row(4, requests=0, errors=1, usage=estimated))
        sums = self.successResultOf(self.ledger.sum_usage(UsageQuery(filter=ALL, group_by=("key", "model"))))
        usage = Usage(input_tokens=20, cached_tokens=8, cache_write_tokens=6, output_tokens=40, reasoning_tokens=10)
        self.assertEqual(
            [(one.key, one.model, one.backend, one.requests, one.errors, one.usage) for one in sums],
            [
                ("alice", "gpt-5", None, 2, 0, usage),
                ("alice", "gpt-5", None, 0, 1, estimated),
                ("alice", "other", None, 1, 0, ROW.usage),
            ],
        )

    def test_a_filter_selects_by_time_and_by_every_dimension(self) -> None:
        self.append(row(1), row(2, key="bob"), row(3, model="m"), row(4, endpoint="/e"), row(5, backend="b"))
        for name, value in (("key", "bob"), ("model", "m"), ("endpoint", "/e"), ("backend", "b")):
            found = UsageQuery(filter=evolve(ALL, **{name: (value, "absent")}))
            (one,) = self.successResultOf(self.ledger.sum_usage(found))
            self.assertEqual(one.requests, 1, name)
        before = UsageQuery(filter=UsageFilter(start=0, end=MIDNIGHT))
        self.assertEqual(self.successResultOf(self.ledger.sum_usage(before)), ())

    def test_hours_and_minutes_are_buckets(self) -> None:
        self.append(row(1), row(2, MIDNIGHT + 59), row(3, MIDNIGHT + 60), row(4, MIDNIGHT + 3600))
        for seconds, expected in ((HOUR_SECONDS, [3, 1]), (MINUTE_SECONDS, [2, 1, 1])):
            sums = self.successResultOf(self.ledger.sum_usage(UsageQuery(filter=ALL, bucket_seconds=seconds)))
            self.assertEqual([one.requests for one in sums], expected)
            self.assertEqual({one.seconds for one in sums}, {seconds})

    def test_a_query_with_too_many_results_or_too_much_to_read_is_refused(self) -> None:
        self.append(*(row(number, model=str(number)) for number in range(1, 5)))
        query = UsageQuery(filter=ALL, group_by=("model",))
        for name in ("MAX_RESULTS", "MAX_READ"):
            with self.subTest(name):
                self.patch(usage_queries, name, 4)
                self.successResultOf(self.ledger.sum_usage(query))
                self.patch(usage_queries, name, 3)
                failure = self.failureResultOf(self.ledger.sum_usage(query), FaultError)
                self.assertEqual(failure.value.fault.kind, "usage_too_large")
                self.patch(usage_queries, name, 10_000)

    def test_what_other_keys_have_used_does_not_count_for_a_key(self) -> None:
        self.append(row(1, key="bob"), *(row(number, model=str(number)) for number in range(2, 9)))
        self.patch(usage_queries, "MAX_READ", 1)
        for seconds in (MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS):
            own = UsageQuery(filter=evolve(ALL, key=("bob",)), bucket_seconds=seconds)
            (one,) = self.successResultOf(self.ledger.sum_usage(own))
            self.assertEqual(one.requests, 1)
            for other in (("alice",), ("alice", "bob"), ()):
                query = evolve(own, filter=evolve(ALL, key=other))
                self.failureResultOf(self.ledger.sum_usage(query), FaultError)


class RowTests(LedgerCase):
    def pages(self, limit: int, **filters: tuple[str, ...]) -> list[list[int]]:
        """The numbers of the rows of all pages."""
        pages: list[list[int]] = []
        after: RowPosition | None = None
        while True:
            query = RowQuery(filter=evolve(ALL, **filters), after=after, limit=limit)
            page = self.successResultOf(self.ledger.list_usage(query))
            pages.append([one.number for one in page.rows])
            after = page.next
            if after is None:
                return pages

    def test_a_row_is_returned_as_it_was_written(self) -> None:
        self.append(ROW)
        self.assertEqual(self.successResultOf(self.ledger.list_usage(RowQuery(filter=ALL))).rows, (ROW,))

    def test_pages_follow_each_other_in_the_order_of_time(self) -> None:
        self.append(row(1, MIDNIGHT + 9), row(2), row(3), row(4, MIDNIGHT + 1), row(5, MIDNIGHT + 9))
        self.assertEqual(self.pages(2), [[2, 3], [4, 1], [5]])
        self.assertEqual(self.pages(5), [[2, 3, 4, 1, 5]])

    def test_a_page_reads_a_limited_number_of_rows(self) -> None:
        self.patch(usage_queries, "MAX_READ", 2)
        self.append(*(row(number, model="rare" if number == 5 else "common") for number in range(1, 6)))
        self.assertEqual(self.pages(10, model=("rare",)), [[], [], [5]])

    def test_the_rows_of_one_key_are_read_alone(self) -> None:
        self.patch(usage_queries, "MAX_READ", 2)
        self.append(*(row(number, key="bob" if number > 3 else "alice") for number in range(1, 6)))
        self.assertEqual(self.pages(10, key=("bob",)), [[4, 5], []])
