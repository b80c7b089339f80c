"""`codexd reload` and `codexd maintenance` against a real daemon, over its control socket and over HTTP."""

import re
import subprocess
import sys
from signal import SIGTERM

from openai import InternalServerError
from twisted.trial.unittest import SynchronousTestCase

from tests.support.live_daemon import Daemon, DaemonSetup
from tests.support.processes import TIMEOUT_SECONDS, wait_until

SETTINGS = """\
[admin]
api_keys = ["root"]
"""


class AdministrationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = Daemon(DaemonSetup(settings=SETTINGS, flags=("--model", "scripted")))
        self.addCleanup(self.daemon.discard)
        self.daemon.start().await_ready()

    def run_command(self, *argv: str, status: int = 0) -> str:
        """Run `codexd` as an operator does and return its output."""
        environment = {"HOME": str(self.daemon.folder / "home"), "XDG_STATE_HOME": str(self.daemon.folder / "state")}
        run = subprocess.run(
            (sys.executable, "-m", "codexd.command", *argv),
            capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env={**environment, "CODEXD_ADMIN_KEY": "root"},
        )  # fmt: skip
        self.assertEqual(run.returncode, status, run.stderr)
        self.said = run.stderr
        return run.stdout + re.sub(r"(?m)^codexd: daemon at .*\n", "", run.stderr)

    def is_listening(self) -> bool:
        try:
            return self.daemon.get("/livez").status == 200
        except OSError:
            return False

    def test_the_control_socket_is_private(self) -> None:
        socket = self.daemon.folder / "state" / "codexd" / "control.sock"
        self.assertTrue(socket.is_socket())
        self.assertEqual(socket.stat().st_mode & 0o777, 0o600)
        self.assertEqual(socket.parent.stat().st_mode & 0o777, 0o700)

    def test_settings_are_reloaded_over_the_socket_and_over_http(self) -> None:
        config = self.daemon.folder / "codexd.toml"
        config.write_text(SETTINGS + '[[models.alias]]\nname = "mine"\nmodel = "scripted"\n')
        self.assertEqual(self.run_command("reload", f"--config={config}"), "changed: models.alias\n")
        self.assertRegex(self.said, r"\Acodexd: daemon at .*/control\.sock \(pid \d+\)\n\Z")
        self.assertEqual(self.daemon.client().models.retrieve("mine").id, "mine")
        config.write_text(SETTINGS + "[http]\nmax_body_bytes = 0\n")
        refused = self.run_command("reload", f"--url=http://127.0.0.1:{self.daemon.port}", status=1)
        self.assertIn("http.max_body_bytes: must be", refused)
        self.assertIn("Nothing was changed", refused)
        self.assertEqual(self.daemon.client().models.retrieve("mine").id, "mine")
        self.daemon.await_log("The settings were not reloaded")

    def test_maintenance_refuses_work_until_it_is_over_and_survives_a_restart_if_kept(self) -> None:
        config = f"--config={self.daemon.folder / 'codexd.toml'}"
        said = self.run_command("maintenance", "on", config, "--keep", "--message", "back at ten")
        self.assertIn("Maintenance is on (kept over restarts)", said)
        with self.assertRaisesRegex(InternalServerError, "back at ten"):
            self.daemon.client().chat.completions.create(
                model="scripted", messages=[{"role": "user", "content": "say: hello"}]
            )
        self.assertEqual(self.daemon.get("/livez").status, 200)
        self.assertEqual(self.daemon.get("/readyz").json, {"status": "maintenance"})
        self.assertEqual(self.run_command("healthcheck", config, status=1), "maintenance\n")
        self.daemon.end(SIGTERM)
        self.daemon.start()
        wait_until(self.is_listening, "listening")
        self.assertIn("Maintenance is on", self.run_command("maintenance", config))
        self.assertEqual(self.run_command("maintenance", "off", config), "Maintenance is off.\n")
        self.daemon.await_ready()
        self.assertEqual(self.run_command("healthcheck", config), "ok\n")
        self.assertEqual(self.daemon.chat_text("say: hello"), "hello")

    def test_without_a_daemon_the_command_says_so(self) -> None:
        self.assertIn("no codexd answers at", self.run_command("reload", "--socket=/nowhere/control.sock", status=1))
