"""The states of real processes."""

import os
import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from codexd.child.process_state import STATES, UNKNOWN, describe_state
from tests.support.processes import wait_until
from tests.support.runbooks import read_symptoms


class ProcessStateTests(SynchronousTestCase):
    def start(self, program: str) -> int:
        process = subprocess.Popen((sys.executable, "-c", program))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process.pid

    def assertBecomes(self, pid: int, described: str) -> None:
        wait_until(lambda: describe_state(pid) == described, described)

    def test_a_process_that_was_stopped_is_told_from_one_that_sleeps(self) -> None:
        pid = self.start("import time; time.sleep(600)")
        self.assertBecomes(pid, "S: sleeps")
        os.kill(pid, signal.SIGSTOP)
        self.assertBecomes(pid, "T: stopped by a signal")

    def test_one_busy_thread_makes_a_process_run(self) -> None:
        busy = "import threading, time; threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start(); "
        self.assertBecomes(self.start(busy + "time.sleep(600)"), "R: runs")

    def test_a_process_that_does_not_exist_has_no_state(self) -> None:
        for pid in (None, 2**22 + 1):
            self.assertEqual(describe_state(pid), UNKNOWN)

    def test_the_runbook_explains_the_states_of_a_process_that_hangs(self) -> None:
        text = read_symptoms("Hung child").text
        for state, words in STATES.items():
            if state not in "tZ":
                self.assertIn(f"`{state}: {words}`", text)
