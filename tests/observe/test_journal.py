from twisted.logger import LogEvent, Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.journal import Journal
from codexd.observe.metrics import Metrics
from codexd.observe.record import Record
from tests.support.web import MemoryLog, figure


class TestJournal(SynchronousTestCase):
    def setUp(self) -> None:
        self.metrics, self.log = Metrics(), MemoryLog()
        self.journal = Journal(self.metrics, self.log)

    def test_a_request_that_is_over_is_counted_and_logged(self) -> None:
        record = Record("req_1", route="a", status=200)
        self.journal.close(record)
        self.assertEqual(self.log.records, [record])
        self.assertEqual(figure(self.metrics, "codexd_request_seconds_count", route="a"), 1)

    def test_what_was_no_request_is_counted(self) -> None:
        self.journal.malformed()
        self.assertEqual(figure(self.metrics, "codexd_malformed_request_total"), 1)

    def test_an_exception_of_ours_is_counted_and_logged_with_the_request_id(self) -> None:
        said: list[LogEvent] = []
        self.patch(Journal, "_log", Logger(observer=said.append))
        self.journal.broke(Record("req_1"), Failure(ValueError("the secret prompt")))
        self.assertEqual(figure(self.metrics, "codexd_internal_error_total"), 1)
        self.assertEqual(said[0]["id"], "req_1")
        self.assertNotIn("secret", said[0]["where"])
