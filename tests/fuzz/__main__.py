"""`python -m tests.fuzz [options of schemathesis]`: the long form of the test."""

import sys

from tests.fuzz.fuzzing import fuzz, fuzzed_daemon

if __name__ == "__main__":
    with fuzzed_daemon() as daemon:
        run = fuzz(daemon, *(sys.argv[1:] or ["--max-time", "600", "--continue-on-failure"]))
        sys.stdout.buffer.write(run.stdout + run.stderr)
        print(f"the daemon {'runs' if daemon.running else 'has ended'}")
        status = run.returncode or int(not daemon.running)
    sys.exit(status)
