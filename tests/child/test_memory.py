"""A process's resident memory."""

import os

from twisted.trial.unittest import SynchronousTestCase

from codexd.child.memory import resident_bytes


class MemoryTests(SynchronousTestCase):
    def test_a_process_that_runs_holds_some(self) -> None:
        before = resident_bytes(os.getpid())
        self.assertGreater(before, 2**20)
        ballast = bytearray(b"x" * 64 * 2**20)
        self.assertGreater(resident_bytes(os.getpid()), before + len(ballast) // 2)

    def test_one_that_is_gone_holds_none(self) -> None:
        self.assertEqual(resident_bytes(2**31 - 1), 0)
