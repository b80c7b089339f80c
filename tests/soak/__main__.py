"""`python -m tests.soak`: run the soak, print what it found; status 1 if any end was dishonest or anything is left."""

import sys
from argparse import ArgumentParser

from tests.soak.report import render
from tests.soak.runner import Soak


def main() -> int:
    """Run the soak of the command line."""
    parser = ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault-seconds", type=float, default=5)
    parser.add_argument("--log", help="write the daemon's log to this file")
    arguments = parser.parse_args()
    soak = Soak(arguments.seconds, arguments.clients, arguments.seed, arguments.fault_seconds)
    result = soak.run()
    if arguments.log:
        with open(arguments.log, "w") as file:
            file.write(result.log)
    print(render(result))
    return 1 if result.dishonest or result.left else 0


if __name__ == "__main__":
    sys.exit(main())
