"""The commands in the pages, and those that the program prints, exist with their flags."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.systemd.commands import install
from tests.documentation.blocks import PAGES, ROOT, read_blocks
from tests.documentation.commands import (
    find_command_problem,
    find_commands,
    find_printed_commands,
    find_script_commands,
)

SOURCES = sorted((ROOT / "codexd").rglob("*.py"))
SCOPES = ("user", "system")


class CommandTests(SynchronousTestCase):
    def test_every_command_in_the_text_exists(self) -> None:
        problems = {
            f"{page.name}: `{command}`: {problem}"
            for page in PAGES
            for command in find_commands(page)
            if (problem := find_command_problem(command))
        }
        self.assertFalse(problems, "\n".join(sorted(problems)))

    def test_every_command_in_a_script_exists(self) -> None:
        for page in PAGES:
            for block in read_blocks(page):
                for command in find_script_commands(block.code) if block.language in ("sh", "console") else ():
                    self.assertIsNone(find_command_problem(command), f"{page.name}: {command}")

    def test_every_command_that_the_program_prints_exists(self) -> None:
        printed = {command for source in SOURCES for command in find_printed_commands(source)}
        self.assertGreater(len(printed), 15)
        for command in sorted(printed):
            self.assertIsNone(find_command_problem(command), command)

    def test_the_commands_after_an_installation_exist(self) -> None:
        for scope in SCOPES:
            with redirect_stdout(StringIO()) as out:
                install([f"--{scope}", "--dry-run", f"--root={self.mktemp()}"], {"HOME": "/home/ada"}, str)
            following = out.getvalue().partition("Next:")[2]
            (login,) = find_script_commands(following)
            self.assertEqual(login, "codexd login --device")
            self.assertIsNone(find_command_problem(login))

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
