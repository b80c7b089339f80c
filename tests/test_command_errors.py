"""Mistakes in arguments, in the environment and in files end `codexd` with a message, and without a key in it."""

from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from codexd.command import ProcessContext, main
from codexd.wire import json
from tests.administration.test_replay_command import make_trace
from tests.support.http_client import free_port

ODD_VALUES = (
    "",
    " ",
    "\udcff",
    "\u2028é",
    "x" * 5000,
    "/",
    "/dev/null/x",
    "-1",
    "1e400",
    "nan",
    "http://[::1",
    "%s%n",
)


def _execute(path: str, argv: list[str], environ: Mapping[str, str]) -> object:
    """Stand in for the program that replaces the process."""
    return None


@frozen
class CommandResult:
    """What a command did: its exit status, and what it printed."""

    status: int | str | None
    printed: str


class CommandErrorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()

    def run_command(self, *argv: str, **environ: str) -> CommandResult:
        """Run a command; an exception that it does not handle fails the test."""
        printed = StringIO()
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                status: int | str | None = main(argv, ProcessContext({"HOME": str(self.home), **environ}, _execute))
            except SystemExit as leaving:
                status = leaving.code
        return CommandResult(status, printed.getvalue())

    def test_no_command_prints_a_key_that_it_cannot_send(self) -> None:
        """Python's HTTP client would show such a header in its error."""
        url = f"http://127.0.0.1:{free_port()}"
        trace = self.home / "trace.json"
        trace.write_bytes(json.encode(make_trace()))
        administration = ("trace", "reload", "maintenance", "healthcheck")
        commands = {
            ("smoke", url): ("CODEXD_API_KEY", "OPENAI_API_KEY"),
            ("replay", str(trace), "--url", url): ("OPENAI_API_KEY",),
            **{(name, "--url", url): ("CODEXD_ADMIN_KEY",) for name in administration},
            ("workers", "recycle", "--url", url): ("CODEXD_ADMIN_KEY",),
        }
        for argv, variables in commands.items():
            for variable in variables:
                for key in ("sk-secret\r\nx: y", "sk-secret\u2028z", "sk-secret\r"):
                    result = self.run_command(*argv, **{variable: key})
                    self.assertEqual(result.status, 1, argv)
                    self.assertNotIn("sk-secret", result.printed)
                    self.assertEqual(f"{variable}: the key" in result.printed, key.strip() != "sk-secret", argv)

    def test_no_odd_value_ends_in_a_traceback(self) -> None:
        trace, none, url = self.home / "trace.json", f"{self.home}/none", f"http://127.0.0.1:{free_port()}"
        trace.write_bytes(json.encode(make_trace()))
        for odd in ODD_VALUES:
            for argv in (
                (odd,),
                ("check-config", f"--config={odd}"),
                ("check-config", f"--workers={odd}"),
                ("serve", f"--listen={odd}"),
                ("keys", odd),
                ("keys", "list", f"--file={odd}"),
                ("keys", "list", f"--config={odd}"),
                ("keys", "add", "n", f"--file={none}", f"--requests-per-minute={odd}"),
                *((name, f"--{flag}={odd}") for name in ("reload", "trace") for flag in ("url", "socket", "config")),
                ("maintenance", odd, f"--socket={none}"),
                ("maintenance", "on", f"--retry-after={odd}", f"--socket={none}"),
                ("workers", odd, f"--socket={none}"),
                ("trace", odd, f"--socket={none}"),
                ("trace", f"--limit={odd}", f"--socket={none}"),
                ("trace", odd, "--bodies"),
                ("replay", odd, f"--scenario={none}"),
                ("replay", str(trace), f"--scenario={odd}"),
                ("replay", str(trace), f"--url={odd}"),
                ("store", odd),
                ("store", "check", f"--config={odd}"),
                ("store", "backup", odd),
                ("store", "restore", odd),
                ("smoke", odd),
                ("smoke", url, f"--timeout={odd}"),
                ("install-service", "--user", f"--instance={odd}", f"--root={none}", "--dry-run"),
                ("healthcheck", f"--url={odd}"),
            ):
                result = self.run_command(*argv)
                self.assertIn(result.status, (0, 1, 2), argv)
                self.assertTrue(result.printed or result.status == 0, argv)
