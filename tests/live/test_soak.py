"""The short form of the soak (`make soak` is the long one)."""

import os
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.faults import FAULTS
from tests.soak.report import render
from tests.soak.runner import Soak

SECONDS: Final = float(os.environ.get("CODEXD_SOAK_SECONDS", "45"))
CLIENTS, FAULT_SECONDS = 4, 5
GROWTH_BYTES: Final = 60 * 2**20
DESCRIPTORS: Final = 10


class SoakTests(SynchronousTestCase):
    timeout = 600

    def test_mixed_load_with_faults_ends_honestly_and_leaves_nothing(self) -> None:
        result = Soak(SECONDS, CLIENTS, seed=1, fault_seconds=FAULT_SECONDS).run()
        report = render(result)
        self.assertEqual(result.dishonest, {}, report)
        self.assertEqual(result.left, {}, report)
        self.assertEqual(len(result.faults), len(FAULTS), report)
        self.assertGreater(sum(count for (_, how, _), count in result.counts.items() if how == "ok"), 50, report)
        first, last = result.samples[len(result.samples) // 3].values, result.samples[-1].values
        self.assertLess(last["resident_bytes"] - first["resident_bytes"], GROWTH_BYTES, report)
        self.assertLess(last["descriptors"] - first["descriptors"], DESCRIPTORS, report)
        self.assertNotIn("Traceback", result.log)
        self.assertNotIn("Unhandled", result.log)
