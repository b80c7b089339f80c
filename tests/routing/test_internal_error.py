"""Tests of codexd.routing.internal_error."""

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Failed
from codexd.neutral.fault import fault
from codexd.routing.internal_error import internal_failure


class InternalFailureTests(SynchronousTestCase):
    def test_an_exception_is_counted_and_becomes_an_internal_failure_without_its_message(self) -> None:
        counted: list[str] = []
        try:
            raise ValueError("a secret prompt")
        except ValueError:
            with capturedLogs() as logged:
                failed = internal_failure(counted.append, "req_1")
        self.assertEqual(failed, Failed(fault("internal")))
        self.assertEqual(counted, ["internal_error"])
        (line,) = map(formatEvent, logged)
        self.assertEqual(logged[0]["id"], "req_1")
        self.assertIn("Request req_1: ", line)
        self.assertNotIn("secret", line)
