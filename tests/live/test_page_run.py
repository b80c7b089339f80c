"""An example that is wrong fails its page, with its place."""

import os
from typing import Any

from tests.documentation.blocks import ROOT, Block
from tests.documentation.page_run import PageRun
from tests.live.test_pages import PAGES_SETUP, explain_skip
from tests.support.live_daemon import LiveTestCase

MODELS = "curl -s http://127.0.0.1:11435/v1/models"


def block(language: str, code: str, **markers: str) -> Block:
    return Block(page=ROOT / "docs" / "x.md", line=7, language=language, code=code, markers=markers)


class PageRunTests(LiveTestCase):
    skip = explain_skip()
    daemon_setup = PAGES_SETUP

    def run_blocks(self, *blocks: Block) -> None:
        page = PageRun(list(blocks), lambda: self.daemon)
        self.addCleanup(page.close)
        page.run()

    def assert_fails(self, text: str, *blocks: Block) -> None:
        error = self.assertRaises(AssertionError, self.run_blocks, *blocks)
        self.assertIn("docs/x.md:7: ", str(error))
        self.assertIn(text, str(error))

    def test_what_is_shown_must_be_what_was_received(self) -> None:
        right: dict[str, Any] = {"output": ""}
        self.run_blocks(block("sh", MODELS), block("json", '{"data": [{"id": "scripted"}]}', **right))
        self.assert_fails("$.data[0].id", block("sh", MODELS), block("json", '{"data": [{"id": "other"}]}', **right))
        self.assert_fails("the output was", block("sh", "echo 1"), block("text", "2\n", **right))
        self.assert_fails("the output of `echo 1`", block("console", "$ echo 1\n2\n"))

    def test_commands_and_programs_must_succeed(self) -> None:
        self.assert_fails("exit status", block("sh", "codexd reload --socket /none"))
        self.assert_fails("exit status", block("console", "$ false\n"))
        self.assert_fails("no such name", block("python", "raise ValueError('no such name')"))

    def test_files_ports_and_directories_are_those_of_the_page(self) -> None:
        self.run_blocks(
            block("toml", "[http]\nmax_items = 5\n", file="/etc/codexd/codexd.toml"),
            block(
                "console",
                "$ sudo codexd check-config --config /etc/codexd/codexd.toml\n...\n...max_items...5...\n...\n",
            ),
            block("console", "$ ls -d README.md /etc/codexd ~/.local/state/codexd/control.sock | wc -l\n3\n"),
            block("python", "from openai import OpenAI\nurl = 'http://127.0.0.1:11435/v1'"),
            block("python", "print(OpenAI(base_url=url, api_key='none').models.list().data[0].id)"),
            block("text", "scripted\n", output=""),
        )

    def test_nothing_is_installed_although_the_environment_looks_old(self) -> None:
        os.utime(ROOT / "pyproject.toml")
        self.run_blocks(block("console", "$ make --dry-run run | grep -ci install || true\n0\n"))
