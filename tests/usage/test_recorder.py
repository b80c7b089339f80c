"""Tests of writing the ledger."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.context import RequestRecord, UsageCharge
from codexd.interfaces import IUsageLedger
from codexd.neutral.event import Usage
from codexd.neutral.usage import DAY_SECONDS, RowQuery, UsageFilter
from codexd.observe.metrics import Metrics
from codexd.settings import Usage as UsageSettings
from codexd.usage import recorder
from codexd.usage.recorder import RETRY_SECONDS, ROLL_UP_SECONDS, WRITE_SECONDS, UsageRecorder
from tests.support.metric_samples import metric
from tests.support.sql_ledger import SqlLedger
from tests.support.usage_rows import MIDNIGHT


class UsageRecorderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ledger = SqlLedger()
        self.addCleanup(self.ledger.close)
        verifyObject(IUsageLedger, self.ledger)
        self.clock, self.metrics = Clock(), Metrics()
        self.recorder = self.start()

    def start(self) -> UsageRecorder:
        started = UsageRecorder(self.ledger, UsageSettings(keep_days=1), self.metrics, self.clock, lambda: self.now)
        started.start()
        return started

    @property
    def now(self) -> float:
        return MIDNIGHT + self.clock.seconds()

    def add(self, *ids: str) -> None:
        for id in ids:
            charge = UsageCharge("codex", Usage(input_tokens=1))
            self.recorder.add(RequestRecord(id=id, model="m", principal="alice", charges=[charge]))

    def written(self) -> list[str]:
        query = RowQuery(filter=UsageFilter(start=0, end=2 * MIDNIGHT), limit=1000)
        return [one.request for one in self.successResultOf(self.ledger.list_usage(query)).rows]

    def flush(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.recorder.flush()))

    def metric(self, name: str) -> float:
        return metric(self.metrics, f"codexd_{name}")

    def test_rows_are_written_together_within_a_second(self) -> None:
        self.add("a", "b")
        self.assertEqual(self.written(), [])
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(self.written(), ["a", "b"])
        self.assertEqual(self.ledger.calls.count("append_usage"), 1)
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(self.ledger.calls.count("append_usage"), 1)

    def test_a_flush_writes_at_once(self) -> None:
        self.add("a")
        self.flush()
        self.assertEqual(self.written(), ["a"])

    def test_the_rest_is_written_at_the_stop(self) -> None:
        self.add("a")
        self.successResultOf(self.recorder.stop())
        self.assertEqual(self.written(), ["a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_numbers_go_on_after_a_restart(self) -> None:
        self.add("a")
        self.successResultOf(self.recorder.stop())
        self.recorder = self.start()
        self.add("b")
        self.flush()
        self.assertEqual(self.written(), ["a", "b"])

    def test_a_write_that_fails_is_repeated(self) -> None:
        self.ledger.failing = True
        self.add("a")
        self.clock.advance(WRITE_SECONDS)
        self.add("b")
        self.ledger.failing = False
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(self.written(), [])
        self.assertEqual(self.metric("usage_rows_waiting"), 2)
        self.clock.pump([WRITE_SECONDS] * int(RETRY_SECONDS))
        self.assertEqual(self.written(), ["a", "b"])

    def test_while_the_store_fails_a_limited_number_of_rows_waits_and_the_others_are_counted(self) -> None:
        self.patch(recorder, "MAX_WAITING", 2)
        self.add("a", "b", "c", "d")
        self.assertEqual(self.metric("usage_rows_lost_total"), 2)
        self.flush()
        self.assertEqual(self.written(), ["a", "b"])

    def test_more_rows_than_a_batch_are_several_batches(self) -> None:
        self.patch(recorder, "MAX_BATCH", 2)
        self.add("a", "b", "c")
        self.flush()
        self.assertEqual(self.written(), ["a", "b", "c"])
        self.assertEqual(self.ledger.calls.count("append_usage"), 2)

    def test_old_rows_are_rolled_up_every_hour(self) -> None:
        self.add("a")
        self.flush()
        self.clock.advance(2 * DAY_SECONDS)
        self.clock.advance(ROLL_UP_SECONDS)
        self.assertEqual(self.written(), [])

    def test_a_failed_roll_up_is_repeated(self) -> None:
        self.ledger.failing = True
        self.clock.advance(ROLL_UP_SECONDS)
        self.ledger.failing = False
        self.clock.advance(ROLL_UP_SECONDS)
        self.assertEqual(self.ledger.calls.count("roll_up_usage"), 3)

    def test_late_usage_is_a_row_of_its_own(self) -> None:
        record = RequestRecord(id="late", model="m", principal="alice")
        self.recorder.add_late(record, UsageCharge("codex", Usage(output_tokens=1, estimated=True)))
        self.flush()
        self.assertEqual(self.written(), ["late"])
