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

from codexd.command import Outside, main
from codexd.configuration.reference import commented_toml, markdown


@define
class Ran:
    """What a command did: its exit status, what it printed, which programs it became."""

    status: int
    out: str
    err: str
    became: list[tuple[str, list[str], Mapping[str, str]]] = field(factory=list)


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()

    def run_command(self, *argv: str, **environ: str) -> Ran:
        became: list[tuple[str, list[str], Mapping[str, str]]] = []
        outside = Outside(
            {"HOME": str(self.home), **environ}, lambda path, argv, env: became.append((path, argv, env))
        )
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(argv, outside)
        return Ran(status, out.getvalue(), err.getvalue(), became)

    def test_no_command_or_an_unknown_one_shows_the_usage_and_fails(self) -> None:
        for argv in ((), ("bogus",)):
            ran = self.run_command(*argv)
            self.assertEqual((ran.status, ran.out), (2, ""))
            self.assertIn("Usage: codexd COMMAND", ran.err)
        self.assertIn("no command 'bogus'", ran.err)

    def test_help_shows_the_usage(self) -> None:
        for name in ("help", "--help", "-h"):
            ran = self.run_command(name)
            self.assertEqual((ran.status, ran.err), (0, ""))
            self.assertIn("check-config", ran.out)

    def test_check_config_prints_what_is_in_force(self) -> None:
        ran = self.run_command("check-config", "--workers", "2", CODEXD_API_KEYS="sk-secret")
        self.assertEqual((ran.status, ran.err), (0, ""))
        self.assertIn(f"# codex: {bundled_codex_path()}\n", ran.out)
        self.assertIn("workers = 2  # --workers\n", ran.out)
        self.assertIn('api_keys = ["***"]  # CODEXD_API_KEYS\n', ran.out)
        self.assertNotIn("sk-secret", ran.out)

    def test_check_config_fails_with_what_is_wrong(self) -> None:
        ran = self.run_command("check-config", CODEXD_CODEX_WORKERS="0")
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertEqual(ran.err, "codexd: codex.workers: must be at least 1, not 0 (CODEXD_CODEX_WORKERS)\n")
        ran = self.run_command("check-config", "--model", "account")
        self.assertEqual(ran.status, 1)
        self.assertIn("holds no login", ran.err)

    def test_serve_becomes_twistd(self) -> None:
        ran = self.run_command("serve", "--workers", "2")
        twistd = str(Path(sysconfig.get_path("scripts")) / "twistd")
        ((path, argv, environ),) = ran.became
        self.assertEqual(path, twistd)
        self.assertEqual(argv, [twistd, "--nodaemon", "--pidfile=", "codexd", "--workers", "2"])
        self.assertEqual(environ["HOME"], str(self.home))

    def test_serve_does_not_start_with_wrong_settings(self) -> None:
        ran = self.run_command("serve", "--listen", "tcp:80")
        self.assertEqual((ran.status, ran.became), (1, []))
        self.assertIn("no API key is set", ran.err)

    def test_login_becomes_codex_in_the_home_that_serve_uses(self) -> None:
        ran = self.run_command("login", "--device-auth", "-c", "a=b")
        ((path, argv, environ),) = ran.became
        self.assertEqual(path, str(bundled_codex_path()))
        self.assertEqual(argv, [path, "login", "--device-auth", "-c", "a=b"])
        self.assertEqual(environ["CODEX_HOME"], f"{self.home}/.local/state/codexd/codex-home")
        self.assertEqual(environ["HOME"], str(self.home))

    def test_login_and_logout_take_our_flags_for_program_and_home(self) -> None:
        for action in ("login", "logout"):
            ran = self.run_command(action, "--codex-home", str(self.home), "--codex=/bin/sh", "status")
            ((path, argv, environ),) = ran.became
            self.assertEqual((path, argv), ("/bin/sh", ["/bin/sh", action, "status"]))
            self.assertEqual(environ["CODEX_HOME"], str(self.home))

    def test_version_names_everything_it_stands_on(self) -> None:
        for name in ("version", "--version"):
            lines = self.run_command(name).out.splitlines()
            self.assertEqual(
                [line.split()[0] for line in lines], ["codexd", "codex-cli", "twisted", "python"]
            )
            self.assertTrue(all(re.search(r" \d+\.\d+\.\d+", line) for line in lines), lines)

    def test_version_says_so_when_there_is_no_codex(self) -> None:
        ran = self.run_command("version", CODEXD_CODEX="/gone")
        self.assertEqual(ran.status, 0)
        self.assertIn("codex-cli not usable: codex.binary: '/gone'", ran.out)

    def test_settings_prints_the_example_or_the_manual(self) -> None:
        self.assertEqual(self.run_command("settings").out, commented_toml())
        self.assertEqual(self.run_command("settings", "--markdown").out, markdown())

    def test_every_new_key_is_another_one_that_a_header_can_carry(self) -> None:
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
