"""Tests of the ledger's rows and of their roll-up."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage
from codexd.neutral.usage import DAY_SECONDS, HOUR_SECONDS, RowQuery, UsageFilter, UsageQuery, UsageRetention, UsageRow
from tests.support.sql_ledger import SqlLedger
from tests.support.usage_rows import MIDNIGHT, row

ALL = UsageFilter(start=0, end=2 * MIDNIGHT)


class LedgerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = SqlLedger()
        self.addCleanup(self.ledger.close)

    def append(self, *rows: UsageRow) -> None:
        self.successResultOf(self.ledger.append_usage(rows))

    def numbers(self) -> list[int]:
        page = self.successResultOf(self.ledger.list_usage(RowQuery(filter=ALL, limit=1000)))
        return [one.number for one in page.rows]

    def total(self, bucket_seconds: int = DAY_SECONDS) -> tuple[int, int]:
        """The requests and the input tokens of all buckets."""
        sums = self.successResultOf(self.ledger.sum_usage(UsageQuery(filter=ALL, bucket_seconds=bucket_seconds)))
        return sum(one.requests for one in sums), sum(one.usage.input_tokens for one in sums)

    def roll_up(self, rows_before: int = 0, days_before: int = 0, max_rows: int = 1000) -> None:
        retention = UsageRetention(rows_before=rows_before, days_before=days_before, max_rows=max_rows)
        while self.successResultOf(self.ledger.roll_up_usage(retention)):
            pass


class UsageRowTests(LedgerCase):
    def test_a_write_that_is_repeated_counts_once(self) -> None:
        self.append(row(1), row(2))
        self.append(row(1), row(2), row(3))
        self.assertEqual(self.numbers(), [1, 2, 3])
        self.assertEqual(self.total(), (3, 30))
        self.assertEqual(self.successResultOf(self.ledger.load_usage_position()), 3)

    def test_old_rows_are_deleted_and_their_sums_stay(self) -> None:
        self.append(row(1, MIDNIGHT - 1), row(2, MIDNIGHT - HOUR_SECONDS), row(3, MIDNIGHT))
        self.roll_up(rows_before=MIDNIGHT)
        self.assertEqual(self.numbers(), [3])
        self.assertEqual(self.total(), (3, 30))
        sums = self.successResultOf(self.ledger.sum_usage(UsageQuery(filter=ALL, bucket_seconds=HOUR_SECONDS)))
        self.assertEqual(
            [(one.start, one.seconds, one.requests) for one in sums],
            [(MIDNIGHT - DAY_SECONDS, DAY_SECONDS, 2), (MIDNIGHT, HOUR_SECONDS, 1)],
        )

    def test_an_hour_that_comes_after_its_day_was_rolled_up_is_added_to_the_day(self) -> None:
        for number in (1, 2):
            self.append(row(number, MIDNIGHT - 1))
            self.roll_up(rows_before=MIDNIGHT)
        self.assertEqual(self.total(), (2, 20))

    def test_numbers_go_on_after_all_rows_were_deleted(self) -> None:
        self.append(row(1), row(2))
        self.roll_up(rows_before=MIDNIGHT + DAY_SECONDS)
        self.assertEqual(self.numbers(), [])
        self.assertEqual(self.successResultOf(self.ledger.load_usage_position()), 2)

    def test_beyond_the_maximum_number_the_oldest_rows_are_deleted(self) -> None:
        self.append(*(row(number, MIDNIGHT + number) for number in range(1, 11)))
        self.roll_up(max_rows=3)
        self.assertEqual(self.numbers(), [8, 9, 10])
        self.assertEqual(self.total(), (10, 100))

    def test_old_days_are_deleted(self) -> None:
        self.append(row(1, MIDNIGHT - 1), row(2, MIDNIGHT))
        self.roll_up(rows_before=MIDNIGHT, days_before=MIDNIGHT)
        self.assertEqual(self.total(), (1, 10))

    @given(
        rows=st.lists(
            st.tuples(st.integers(0, 4 * DAY_SECONDS), st.sampled_from("ab"), st.integers(0, 99), st.booleans()),
            max_size=12,
        ),
        rolled_up=st.integers(0, 5),
    )
    def test_a_roll_up_changes_no_sum(self, rows: list[tuple[int, str, int, bool]], rolled_up: int) -> None:
        ledger = SqlLedger()
        self.addCleanup(ledger.close)
        self.ledger = ledger
        self.append(
            *(
                row(number, MIDNIGHT + time, model=model, usage=Usage(input_tokens=tokens, estimated=estimated))
                for number, (time, model, tokens, estimated) in enumerate(rows, 1)
            )
        )
        query = UsageQuery(filter=ALL, group_by=("model",))
        before = self.successResultOf(ledger.sum_usage(query))
        self.roll_up(rows_before=MIDNIGHT + rolled_up * DAY_SECONDS)
        self.assertEqual(self.successResultOf(ledger.sum_usage(query)), before)
