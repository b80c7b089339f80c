"""The command of `make bench`: measure codexd with Codex, with an upstream, and with a growing store.

`make bench ARGS="--turns 200 upstream"` runs one section with fewer requests.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.codex import measure_instant_child, measure_real_child
from bench.hostile import measure_hostile
from bench.log import measure_log
from bench.overload import measure_overload
from bench.processes import ROOT
from bench.report import Figure, print_section
from bench.store import measure_store
from bench.upstream import measure_upstream

SECTIONS: Final[dict[str, tuple[str, Callable[[Path, int], list[Figure]]]]] = {
    "child": ("With a child that answers at once", measure_instant_child),
    "codex": ("With the real Codex app-server", measure_real_child),
    "upstream": ("With an upstream that answers at once", measure_upstream),
    "hostile": ("The longest hold of the reactor, over hostile requests and answers", measure_hostile),
    "overload": ("With far more clients than the upstream can serve", measure_overload),
    "log": ("The line of a request in the log", measure_log),
    "store": ("With a growing store and the same upstream", measure_store),
}


def main() -> int:
    """Run the sections and print their figures."""
    parser = argparse.ArgumentParser("bench", description="Measure the CPU time and memory of codexd.")
    parser.add_argument("--turns", type=int, default=1000, help="number of short requests per figure")
    parser.add_argument("sections", nargs="*", metavar="|".join(SECTIONS), help="the sections to run (default: all)")
    options = parser.parse_args()
    if unknown := set(options.sections) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    for name in options.sections or SECTIONS:
        title, measure = SECTIONS[name]
        with tempfile.TemporaryDirectory(dir=build, prefix="bench-") as folder:
            print_section(title, measure(Path(folder), options.turns))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
