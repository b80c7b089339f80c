"""`make bench`: what codexd costs, over Codex, over an upstream, and with a store that grows.

`make bench ARGS="--turns 200 upstream"` measures with fewer requests, and only what is named.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.codex import over_instant_child, over_real_child
from bench.kept import over_store
from bench.processes import ROOT
from bench.report import Figure, show
from bench.upstream import over_upstream

SECTIONS: Final[dict[str, tuple[str, Callable[[Path, int], list[Figure]]]]] = {
    "child": ("over a child that answers at once", over_instant_child),
    "codex": ("over the real Codex app-server", over_real_child),
    "upstream": ("over an upstream that answers at once", over_upstream),
    "store": ("with a store that grows, over the same upstream", over_store),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser("bench", description="Measure what codexd adds.")
    parser.add_argument("--turns", type=int, default=1000, help="short requests for each figure")
    parser.add_argument("sections", nargs="*", metavar="|".join(SECTIONS), help="all, unless some are named")
    asked = parser.parse_args()
    if unknown := set(asked.sections) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    for name in asked.sections or SECTIONS:
        title, measure = SECTIONS[name]
        with tempfile.TemporaryDirectory(dir=build, prefix="bench-") as folder:
            show(title, measure(Path(folder), asked.turns))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
