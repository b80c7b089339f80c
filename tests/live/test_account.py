"""The account commands with the real binary, as far as they go without a network."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.wire.json import decode
from tests.support.live_daemon import DaemonSetup, LiveTestCase
from tests.support.logins import chatgpt_login
from tests.support.processes import TIMEOUT_SECONDS, start
from tests.support.provider_process import ROOT

CODEXD = (sys.executable, "-m", "codexd.command")
FAR = 4_000_000_000


class AccountCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        (ROOT / "build").mkdir(exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="account-")
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name) / "codex"
        self.home.mkdir(mode=0o700)
        unwanted = ("CODEX", "COVERAGE", "STATE_DIRECTORY", "XDG")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        self.environ = environ | {"HOME": folder.name}

    def run_command(self, *argv: str, stdin: str = "") -> tuple[int, str, str]:
        command = (*CODEXD, *argv, f"--codex-home={self.home}")
        run = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=self.environ, cwd=ROOT, check=False
        )
        return run.returncode, run.stdout, run.stderr

    def test_a_key_from_standard_input_logs_in_and_logout_forgets_it(self) -> None:
        status, out, err = self.run_command("login", "--api-key", stdin="sk-secret\n")
        self.assertEqual(status, 0, err)
        self.assertIn("Account:     apiKey", out)
        self.assertIn("restart it", err)
        self.assertNotIn("secret", out + err)
        file = self.home / "auth.json"
        self.assertEqual(
            (decode(file.read_bytes())["OPENAI_API_KEY"], file.stat().st_mode & 0o777), ("sk-secret", 0o600)
        )
        status, out, err = self.run_command("logout")
        self.assertEqual((status, file.exists()), (0, False), err)
        self.assertIn("none answers at the control socket", err)
        self.assertEqual(self.run_command("account")[0], 1)

    def test_a_chatgpt_login_is_shown_from_its_file_as_codex_cannot_reach_openai(self) -> None:
        (self.home / "auth.json").write_bytes(chatgpt_login(FAR))
        status, out, err = self.run_command("account", "--json", "--config=/dev/null")
        shown = decode(out.encode())
        self.assertEqual((status, shown["type"], shown["plan"]), (0, "chatgpt", "pro"), err)
        self.assertEqual((shown["email"], shown["expires_at"]), ("a***@example.com", FAR))
        self.assertNotIn("refresh-secret", out + err)

    def test_a_login_with_a_browser_prints_its_address_and_ctrl_c_cancels_it(self) -> None:
        process = start(
            (*CODEXD, "login", f"--codex-home={self.home}"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environ, cwd=ROOT,
        )  # fmt: skip
        assert process.stdout is not None
        lines = iter(process.stdout.readline, b"")
        address = next(line for line in lines if b"https://" in line)
        self.assertIn(b"redirect_uri=http%3A%2F%2F127.0.0.1%3A", address)
        next(line for line in lines if b"Ctrl-C" in line)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)
        self.assertEqual((process.returncode, b"cancelled; nothing has changed" in err), (130, True), err)
        self.assertFalse((self.home / "auth.json").exists())


class RunningDaemonTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True)

    def test_a_login_lets_a_daemon_that_runs_replace_its_processes(self) -> None:
        daemon = self.new_daemon().start().await_ready()
        run = subprocess.run(
            (*CODEXD, "login", "--api-key", f"--codex-home={daemon.codex_home}"),
            input="sk-other", capture_output=True, text=True, env=daemon._environment(), cwd=ROOT, check=True,
        )  # fmt: skip
        self.assertIn("replaces its Codex processes: plain-0", run.stderr)
        daemon.await_log("plain-1 is up")
        self.assertEqual(daemon.chat_text("say: hello"), "hello")
        self.assertEqual(daemon.get("/healthz").json["account"]["type"], "apiKey")
        logged_in = 'codexd_account_logged_in{backend="codex"}'
        self.assertEqual(daemon.metric(logged_in), 1)
