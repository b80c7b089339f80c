"""Resident memory of a process."""

import os

from twisted.trial.unittest import SynchronousTestCase

from codexd.child.memory import resident_bytes


class MemoryTests(SynchronousTestCase):
    def test_a_running_process(self) -> None:
        before = resident_bytes(os.getpid())
        self.assertGreater(before, 2**20)
        ballast = bytearray(b"x" * 64 * 2**20)
        self.assertGreater(resident_bytes(os.getpid()), before + len(ballast) // 2)

    def test_a_process_that_does_not_exist_has_none(self) -> None:
        self.assertEqual(resident_bytes(2**31 - 1), 0)
