"""What the daemon keeps from other processes and users."""

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

PROGRAM = """
import ctypes, os, resource
from codexd.process_hardening import forbid_memory_dumps, forbid_public_writes
os.umask({umask})
forbid_memory_dumps()
forbid_public_writes()
umask = os.umask(0)
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), oct(umask))
"""


class ProcessHardeningTests(SynchronousTestCase):
    def run_with(self, umask: str) -> str:
        """Run in a process of its own, as the limits cannot be raised again."""
        command = (sys.executable, "-c", PROGRAM.format(umask=umask))
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    def test_there_are_no_core_dumps_and_no_debuggers(self) -> None:
        if sys.platform != "linux":
            raise self.skipTest("prctl is Linux")
        self.assertEqual(self.run_with("0o077"), "(0, 0) 0 0o77")

    def test_a_umask_never_lets_everybody_write(self) -> None:
        self.assertTrue(self.run_with("0").endswith(" 0o2"))
        self.assertTrue(self.run_with("0o022").endswith(" 0o22"))
