"""Blocks of shell commands share a terminal; a command that fails fails the page."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.documentation.shell import Shell
from tests.support.http_client import free_port


class ShellTests(SynchronousTestCase):
    def setUp(self) -> None:
        project = Path(self.mktemp()).absolute() / "project"
        (project / "inner").mkdir(parents=True)
        self.shell = Shell(project, {"PATH": os.environ["PATH"]}, free_port())
        self.addCleanup(self.shell.stop_daemon)

    def assert_fails(self, text: str, code: str, status: int | None = 0) -> None:
        error = self.assertRaises(AssertionError, self.shell.run, code, status)
        self.assertIn(text, str(error))

    def test_variables_functions_and_the_directory_carry_over(self) -> None:
        self.shell.run("name='a b'\ncd inner\ngreet() { echo \"hello $1\"; }\n")
        self.assertEqual(self.shell.run('pwd; greet "$name"'), f"{self.shell.project}/inner\nhello a b\n")

    def test_a_command_that_fails_in_the_middle_is_an_error_with_its_output(self) -> None:
        self.assert_fails("exit status 1, not 0:\nseen", "echo seen\nfalse\ntrue\n")
        self.assert_fails("exit status 1", "false | true\n")
        self.assert_fails("unbound variable", 'echo "$nothing"\n')

    def test_an_exit_status_may_be_expected(self) -> None:
        self.assertEqual(self.shell.run("echo seen; exit 3", 3), "seen\n")
        self.assert_fails("exit status 0, not 3", "true", 3)

    def test_standard_error_is_output_only_where_it_is_wanted(self) -> None:
        self.assertEqual(self.shell.run("echo a; echo b >&2"), "a\n")
        self.assertEqual(self.shell.run("echo a; echo b >&2", merged=True), "a\nb\n")

    def test_a_daemon_that_ends_is_an_error(self) -> None:
        for code, text in (
            ("false", "`false` failed"),
            ("true", "its last command has ended"),
            ("# none", "has ended"),
        ):
            error = self.assertRaises(AssertionError, self.shell.start_daemon, code)
            self.assertIn(text, str(error))
