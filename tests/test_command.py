import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from attrs import define, field
from codex_cli_bin import bundled_codex_path
from twisted.trial.unittest import SynchronousTestCase

from codexd.command import ProcessContext, main
from codexd.configuration.reference import render_example, render_markdown


@define
class CommandResult:
    """The result of a command: exit status, output, and the programs it executed."""

    status: int
    out: str
    err: str
    executed: list[tuple[str, list[str], Mapping[str, str]]] = field(factory=list)


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()

    def run_command(self, *argv: str, **environ: str) -> CommandResult:
        executed: list[tuple[str, list[str], Mapping[str, str]]] = []
        context = ProcessContext(
            {"HOME": str(self.home), **environ}, lambda path, argv, env: executed.append((path, argv, env))
        )
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(argv, context)
        return CommandResult(status, out.getvalue(), err.getvalue(), executed)

    def test_no_command_or_an_unknown_one_shows_the_usage_and_fails(self) -> None:
        for argv in ((), ("bogus",)):
            result = self.run_command(*argv)
            self.assertEqual((result.status, result.out), (2, ""))
            self.assertIn("Usage: codexd COMMAND", result.err)
        self.assertIn("unknown command 'bogus'", result.err)

    def test_help_shows_the_usage(self) -> None:
        for name in ("help", "--help", "-h"):
            result = self.run_command(name)
            self.assertEqual((result.status, result.err), (0, ""))
            self.assertIn("check-config", result.out)

    def test_check_config_prints_the_settings_in_effect(self) -> None:
        result = self.run_command("check-config", "--workers", "2", CODEXD_API_KEYS="sk-secret")
        self.assertEqual((result.status, result.err), (0, ""))
        self.assertIn(f"# codex: {bundled_codex_path()}\n", result.out)
        self.assertIn("workers = 2  # --workers\n", result.out)
        self.assertIn('api_keys = ["***"]  # CODEXD_API_KEYS\n', result.out)
        self.assertNotIn("sk-secret", result.out)

    def test_check_config_prints_the_problems_and_fails(self) -> None:
        result = self.run_command("check-config", CODEXD_CODEX_WORKERS="0")
        self.assertEqual((result.status, result.out), (1, ""))
        self.assertEqual(result.err, "codexd: codex.workers: must be at least 1, not 0 (CODEXD_CODEX_WORKERS)\n")
        result = self.run_command("check-config", "--model", "account")
        self.assertEqual(result.status, 1)
        self.assertIn("but no login in", result.err)

    def test_a_daemon_is_administered_while_its_settings_are_wrong(self) -> None:
        for text, named in (("[http", "control.sock"), ('[admin]\nsocket = "/own/s"\n[http]\nlisten = []\n', "/own/s")):
            config = self.home / "codexd.toml"
            config.write_text(text)
            result = self.run_command("maintenance", "on", f"--config={config}")
            self.assertEqual(result.status, 1)
            self.assertRegex(result.err, f"no codexd answers at .*{named}: ")
            self.assertEqual("the default control socket is used" in result.err, text == "[http", result.err)

    def test_a_configuration_file_that_is_not_there_is_an_error(self) -> None:
        for command in (("reload",), ("workers", "recycle"), ("maintenance",), ("healthcheck",), ("trace",)):
            result = self.run_command(*command, "--config=/nope.toml")
            self.assertEqual((result.status, result.out), (1, ""))
            self.assertIn("codexd: /nope.toml: cannot be read: No such file or directory (--config)", result.err)

    def test_the_daemon_is_named_beside_the_output(self) -> None:
        result = self.run_command("trace", "--url=http://127.0.0.1:1")
        self.assertEqual(result.out, "")
        self.assertEqual(result.err.splitlines()[0], "codexd: daemon at http://127.0.0.1:1")

    def test_output_that_nobody_reads_ends_a_command_quietly(self) -> None:
        for argv in (("settings",), ("serve", "--help"), ("trace", "--help"), ("version",)):
            for unbuffered in ("", "1"):
                reader, writer = os.pipe()
                os.close(reader)
                done = subprocess.run(
                    (sys.executable, "-m", "codexd.command", *argv), check=False, stdout=writer, stderr=subprocess.PIPE,
                    env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                )  # fmt: skip
                os.close(writer)
                self.assertEqual(done.stderr, b"", argv)
                self.assertIn(done.returncode, (141, 0), argv)  # argparse itself ignores that its help is not read

    def test_serve_executes_twistd(self) -> None:
        result = self.run_command("serve", "--workers", "2")
        twistd = str(Path(sysconfig.get_path("scripts")) / "twistd")
        ((path, argv, environ),) = result.executed
        self.assertEqual(path, twistd)
        self.assertEqual(argv, [twistd, "--nodaemon", "--pidfile=", "codexd", "--workers", "2"])
        self.assertEqual(environ["HOME"], str(self.home))

    def test_serve_does_not_start_with_wrong_settings(self) -> None:
        result = self.run_command("serve", "--listen", "tcp:80")
        self.assertEqual((result.status, result.executed), (1, []))
        self.assertIn("no API key is set", result.err)

    def test_login_starts_codex_with_the_home_of_serve(self) -> None:
        program = self.home / "codex"
        program.write_text('#!/bin/sh\necho "$CODEX_HOME $*" > "$HOME/called"\nexit 7\n')
        program.chmod(0o700)
        for flags, home in (((), self.home / ".local/state/codexd/codex-home"), (("--codex-home", "."), Path())):
            for name in ("login", "logout", "account"):
                result = self.run_command(name, f"--codex={program}", *flags)
                self.assertEqual(result.status, 1)
                self.assertIn("Codex has ended (status 7)", result.err)
                self.assertTrue((self.home / "called").read_text().startswith(f"{home.absolute()} app-server "))

    def test_an_unknown_argument_of_login_is_not_repeated_as_it_may_be_a_key(self) -> None:
        for argv in (("sk-secret",), ("--api-key", "sk-secret")):
            result = self.run_command("login", *argv)
            self.assertEqual(result.status, 1)
            self.assertIn("is read from standard input", result.err)
            self.assertNotIn("secret", result.out + result.err)

    def test_version_prints_the_versions_of_all_parts(self) -> None:
        for name in ("version", "--version"):
            lines = self.run_command(name).out.splitlines()
            self.assertEqual([line.split()[0] for line in lines], ["codexd", "codex-cli", "twisted", "python"])
            self.assertTrue(all(re.search(r" \d+\.\d+\.\d+", line) for line in lines), lines)

    def test_version_reports_a_missing_codex(self) -> None:
        result = self.run_command("version", CODEXD_CODEX="/gone")
        self.assertEqual(result.status, 0)
        self.assertIn("codex-cli cannot be run: codex.binary: '/gone'", result.out)

    def test_settings_prints_the_example_file_or_the_tables(self) -> None:
        self.assertEqual(self.run_command("settings").out, render_example())
        self.assertEqual(self.run_command("settings", "--markdown").out, render_markdown())

    def test_new_keys_differ_and_fit_into_a_header(self) -> None:
        keys = {self.run_command("new-key").out.strip() for _ in range(20)}
        self.assertEqual(len(keys), 20)
        for key in keys:
            self.assertRegex(key, r"^sk-codexd-[\w-]{43}$")

    def test_the_scripted_model_has_its_own_command(self) -> None:
        leaving = self.assertRaises(SystemExit, self.run_command, "scripted", "--help")
        self.assertEqual(leaving.code, 0)

    def test_importing_it_installs_no_reactor(self) -> None:
        code = "import sys, codexd.command; sys.exit('twisted.internet.reactor' in sys.modules)"
        self.assertEqual(subprocess.run([sys.executable, "-c", code], check=False).returncode, 0)
