from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.metrics import Metrics
from codexd.store.health import StoreHealth
from tests.support.metric_samples import metric


class StoreHealthTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.metrics = Metrics()
        self.recoveries: list[str] = []
        self.health = StoreHealth(self.metrics, lambda: self.recoveries.append("recovered"))

    def test_each_change_is_logged_and_counted_once(self) -> None:
        with capturedLogs() as logged:
            news = [self.health.report_failure("full", "SQLITE_FULL") for _ in range(3)]
            for _ in range(3):
                self.health.check_passed()
        self.assertEqual(news, [True, False, False])
        first, last = map(formatEvent, logged)
        self.assertIn("store degraded: full: the disk or the file is full", first)
        self.assertIn("store recovered: it was full", last)
        self.assertEqual(metric(self.metrics, 'codexd_store_faults_total{problem="full"}'), 1)
        self.assertEqual(self.recoveries, ["recovered"])

    def test_calls_that_fail_between_two_checks_keep_it_degraded(self) -> None:
        for _ in range(3):
            self.health.report_failure("full")
            self.health.check_passed()
            self.assertEqual((self.health.problem, metric(self.metrics, "codexd_store_up")), ("full", 0))
        self.health.check_passed()
        self.assertEqual((self.health.problem, metric(self.metrics, "codexd_store_up")), (None, 1))
