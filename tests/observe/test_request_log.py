from twisted.logger import LogEvent, Logger, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord
from codexd.neutral.event import Usage
from codexd.neutral.fault import FaultError, fault, kinds
from codexd.observe.metrics import Metrics
from codexd.observe.request_log import REFUSALS, RequestLogger
from tests.support.in_memory_server import MemoryLog
from tests.support.metric_samples import metric


class RequestLoggerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.metrics, self.log = Metrics(), MemoryLog()
        self.logger = RequestLogger(metrics=self.metrics, requests=self.log)

    def test_a_finished_request_is_counted_and_logged(self) -> None:
        record = RequestRecord(id="req_1", route="a", status=200)
        self.logger.log_request(record)
        self.assertEqual(self.log.records, [record])
        self.assertEqual(metric(self.metrics, "codexd_request_duration_seconds_count", route="a"), 1)

    def test_the_history_has_what_a_model_answered_and_what_failed_there(self) -> None:
        used = [Usage(input_tokens=3, output_tokens=4)]
        for record in (
            RequestRecord(model="a", status=200, backend="codex", first_event_seconds=0.5, seconds=1.0, usages=used),
            RequestRecord(model="b", status=503, backend="codex", seconds=1.0),
            RequestRecord(model="c", status=404, backend="codex", seconds=1.0),
            RequestRecord(route="/livez", status=200, seconds=1.0),
        ):
            self.logger.log_request(record)
        (minute,) = self.logger.history.minutes(1.0)
        self.assertEqual((minute.requests, minute.duration.total, minute.first_event.total), (2, 2, 1))

    def test_the_history_only_counts_what_reached_no_model(self) -> None:
        self.assertEqual(REFUSALS - {*kinds()}, frozenset())
        for outcome in REFUSALS:
            self.logger.log_request(RequestRecord(status=429, outcome=outcome, seconds=1.0))
        cut = RequestRecord(
            dialect="chat", status=200, outcome="unreachable", backend="a", seconds=1.0, first_event_seconds=0.5
        )
        self.logger.log_request(cut)
        (minute,) = self.logger.history.minutes(1.0)
        self.assertEqual((minute.refused, minute.duration.total), (len(REFUSALS), 1))

    def test_a_malformed_request_is_counted(self) -> None:
        self.logger.count_malformed_request()
        self.assertEqual(metric(self.metrics, "codexd_malformed_request_total"), 1)

    def test_an_internal_error_is_counted_and_logged_with_the_request_id(self) -> None:
        said: list[LogEvent] = []
        self.patch(RequestLogger, "_log", Logger(observer=said.append))
        self.logger.log_internal_error(RequestRecord(id="req_1"), Failure(ValueError("the secret prompt")))
        self.assertEqual(metric(self.metrics, "codexd_internal_error_total"), 1)
        self.assertEqual(said[0]["id"], "req_1")
        self.assertNotIn("secret", said[0]["where"])
        self.assertIn("Request req_1: ", formatEvent(said[0]))

    def test_a_save_that_failed_is_logged_with_the_request_id_unless_the_store_has_logged_it(self) -> None:
        with capturedLogs() as logged:
            self.logger.log_save_failure(Failure(FaultError(fault("store_failed"))), "req_1")
            self.logger.log_save_failure(Failure(ValueError("the secret prompt")), "req_2")
        (line,) = map(formatEvent, logged)
        self.assertEqual(logged[0]["id"], "req_2")
        self.assertIn("Request req_2: ", line)
        self.assertNotIn("secret", line)
