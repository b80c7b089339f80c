"""Tests of codexd.routing.defect."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Failed
from codexd.neutral.fault import fault
from codexd.routing import defect


class DefectTests(SynchronousTestCase):
    def test_a_defect_is_counted_and_told_as_internal_without_its_words(self) -> None:
        counted: list[str] = []
        try:
            raise ValueError("a secret prompt")
        except ValueError:
            self.assertEqual(defect.failed(counted.append), Failed(fault("internal")))
        self.assertEqual(counted, ["internal_error"])
