"""Tests of codexd.routing.internal_error."""

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
            self.assertEqual(internal_failure(counted.append), Failed(fault("internal")))
        self.assertEqual(counted, ["internal_error"])
