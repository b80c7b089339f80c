"""Runs twistd with a wall clock that a test can set: `python -m tests.support.shifted_clock FILE twistd-arguments`.

`time.time` is shifted by the number of seconds in the file, from the next call on. It is replaced before Twisted is
imported, which keeps a reference to it.
"""

import os
import sys
import time
from pathlib import Path


def _shift(file: str) -> None:
    real = time.time

    def shifted() -> float:
        try:
            return real() + float(Path(file).read_text() or 0)
        except FileNotFoundError:
            return real()

    time.time = shifted


if __name__ == "__main__":
    _shift(sys.argv[1])
    sys.argv[:] = ["twistd", *sys.argv[2:]]
    sys.path.insert(0, os.getcwd())
    from twisted.scripts.twistd import run

    run()
