"""The examples of README.md, CONTRIBUTING.md and docs/ are run for real, a test for each page."""

import shutil
import subprocess
from collections.abc import Callable

from tests.documentation.blocks import NOT_RUN, OUTPUT, PAGES, ROOT, RUN_BY, Block, read_blocks
from tests.documentation.excerpts import excerpt_file, is_new_file
from tests.documentation.page_run import PageRun
from tests.support.live_daemon import DaemonSetup, LiveTestCase

PAGES_SETUP = DaemonSetup(settings="# for the examples of the documentation\n")


def explain_skip() -> str | None:
    """Return why the examples cannot be run here, or None."""
    curl = shutil.which("curl")
    shown = subprocess.run((curl, "--help", "all"), capture_output=True, check=False).stdout if curl else b""
    return None if b"--json" in shown else "the examples need curl 7.82 or newer"


class PageTests(LiveTestCase):
    """The tests are added below."""

    skip = explain_skip()
    daemon_setup = PAGES_SETUP

    def run_page(self, blocks: list[Block]) -> None:
        page = PageRun(blocks, lambda: self.daemon)
        self.addCleanup(page.close)
        page.run()


def is_run(block: Block) -> bool:
    """Return whether a block is run; the others are checked by tests.documentation.test_rules."""
    if NOT_RUN in block.markers or RUN_BY in block.markers:
        return False
    is_excerpt = block.language == "python" and (excerpt_file(block) is not None or is_new_file(block))
    return not is_excerpt and (block.language in ("sh", "console", "python") or OUTPUT in block.markers)


def build_test(blocks: list[Block]) -> Callable[[PageTests], None]:
    """Build the test of a page."""

    def test(case: PageTests) -> None:
        case.run_page(blocks)

    return test


def add_tests() -> None:
    """Give each page with blocks that are run a test of its own."""
    for page in PAGES:
        blocks = read_blocks(page)
        if any(map(is_run, blocks)):
            name = "_".join(page.relative_to(ROOT).with_suffix("").parts).replace("-", "_").lower()
            setattr(PageTests, f"test_{name}", build_test(blocks))


add_tests()
