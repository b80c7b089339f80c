"""Run a command that runs trial, show what it prints, and close with one plain line: `N passed, N failed`.

The exit status is the command's own; no summary, nothing passed or anything failed is a failure too.
"""

import re
import subprocess
import sys
from collections.abc import Sequence

PASSED = ("successes", "expectedFailures")
FAILED = ("failures", "errors", "unexpectedSuccesses")


def main(command: Sequence[str]) -> int:
    """Run the command and count."""
    summary = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if re.match(r"(PASSED|FAILED)\b", line):
                summary = line
    counts = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", summary)}
    passed, failed = (sum(counts.get(name, 0) for name in names) for names in (PASSED, FAILED))
    print(f"{passed} passed, {failed} failed")
    return process.returncode or (0 if passed and not failed else 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
