"""The commands in the text of the pages exist, with their flags."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.documentation.blocks import PAGES
from tests.documentation.commands import find_command_problem, find_commands


class CommandTests(SynchronousTestCase):
    def test_every_command_in_the_text_exists(self) -> None:
        problems = {
            f"{page.name}: `{command}`: {problem}"
            for page in PAGES
            for command in find_commands(page)
            if (problem := find_command_problem(command))
        }
        self.assertFalse(problems, "\n".join(sorted(problems)))

    def test_commands_are_found_in_the_text_only(self) -> None:
        page = Path(self.mktemp())
        page.write_text(
            "Run `sudo codexd\nreload`, `A=1 make run`, `codexd`.\n```sh\n`codexd no`\n```\n`.venv/bin/codexd x`"
        )
        self.assertEqual(list(find_commands(page)), ["codexd reload", "make run", "codexd", "codexd x"])

    def test_what_does_not_exist_is_a_problem(self) -> None:
        for command in (
            "codexd reloda",
            "codexd keys ad NAME",
            "codexd keys add NAME --admim yes",
            "make rnu",
            "codexd serve --configuration x",
        ):
            self.assertIsNotNone(find_command_problem(command), command)
        for command in (
            "codexd",
            "codexd keys add NAME --admin yes",
            "make run ARGS=--help",
            "codexd serve --config X",
        ):
            self.assertIsNone(find_command_problem(command), command)
