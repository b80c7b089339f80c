"""Run a command that runs trial, show what it prints, and close with one plain line: `N passed, N failed`.

Live tests start processes and share the machine with the tests beside them. Those that failed run once more, alone;
what passes then is named as unstable and counts as passed. Any other failure is one.

The exit status is the command's own; no summary, nothing passed or anything failed is a failure too.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

PASSED = ("successes", "expectedFailures")
FAILED = ("failures", "errors", "unexpectedSuccesses")
LIVE = "tests.live."
MAX_RERUN = 5
"""With more failures than this the machine is not the cause."""


@dataclass
class Result:
    """What one run of trial printed.

    Attributes:
        counts: the number of tests by outcome; empty without a summary.
        failed: the names of the tests that failed.
        status: the exit status of the command.
    """

    counts: dict[str, int] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    status: int = 0

    def total(self, outcomes: Iterable[str]) -> int:
        """Return how many tests had one of these outcomes."""
        return sum(self.counts.get(name, 0) for name in outcomes)


def run(command: Sequence[str]) -> Result:
    """Run the command, show its output and read it."""
    result, in_failure = Result(), False
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith(("=====", "-----")):
                in_failure = False
            elif re.match(r"\[(FAIL|ERROR)\]", line):
                in_failure = True
            elif in_failure and re.fullmatch(r"tests(\.\w+){2,}\n", line):
                result.failed.add(line.strip())
            elif re.match(r"(PASSED|FAILED)\b", line):
                result.counts = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}
    result.status = process.returncode
    return result


def main(command: Sequence[str]) -> int:
    """Run the command, run live tests that failed once more, and count."""
    first = run(command)
    passed, failed = first.total(PASSED), first.total(FAILED)
    status = first.status
    names = sorted(first.failed)
    if failed == len(names) and 0 < failed <= MAX_RERUN and all(name.startswith(LIVE) for name in names):
        print("\nOnce more, alone:", *names, flush=True)
        second = run([sys.executable, "-m", "twisted.trial", *names])
        print("unstable:", *sorted(first.failed - second.failed))
        passed, failed, status = passed + second.total(PASSED), second.total(FAILED), second.status
    print(f"{passed} passed, {failed} failed")
    return status or (0 if passed and not failed else 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
