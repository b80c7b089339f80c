"""`codexd smoke` against a real daemon: every check passes, nothing stays stored, and a fault fails."""

import subprocess
import sys

from codexd.wire import json
from tests.support.live_daemon import DaemonSetup, LiveTestCase
from tests.support.processes import TIMEOUT_SECONDS

SETTINGS = """\
[http]
api_keys = ["sk-smoke"]
[admin]
api_keys = ["sk-root"]
"""


class SmokeTests(LiveTestCase):
    daemon_setup = DaemonSetup(settings=SETTINGS)

    def setUp(self) -> None:
        self.ready_daemon = self.daemon

    def smoke(self, *flags: str, key: str = "sk-smoke") -> tuple[int, str]:
        """Run the command as an installed program does, and return its exit status and output."""
        command = (sys.executable, "-m", "codexd.command", "smoke", self.ready_daemon.url, *flags)
        environment = {"OPENAI_API_KEY": key, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment)
        return done.returncode, done.stdout + done.stderr

    def test_a_sound_daemon_passes_and_keeps_nothing(self) -> None:
        headers = {"authorization": "Bearer sk-smoke"}
        status, out = self.smoke("--json")
        report = json.decode(out)
        self.assertEqual((status, report["verdict"]), (0, "ok"), out)
        verdicts = {check["name"]: check["verdict"] for check in report["checks"]}
        self.assertEqual(verdicts.pop("embeddings"), "skipped")
        self.assertLessEqual({name for name, verdict in verdicts.items() if verdict == "skipped"}, {"usage", "metrics"})
        self.assertEqual(verdicts["keys"], "ok")
        metrics = self.ready_daemon.get("/metrics", headers).body.decode()
        self.assertRegex(metrics, r"(?m)^codexd_client_disconnected_total [1-9]")

    def test_a_wrong_key_and_maintenance_fail(self) -> None:
        status, out = self.smoke(key="sk-other")
        self.assertEqual(status, 1, out)
        self.assertIn("status 401", out)
        root = {"authorization": "Bearer sk-root"}
        self.ready_daemon.post("/admin/maintenance", {"enabled": True}, root)
        self.addCleanup(self.ready_daemon.post, "/admin/maintenance", {"enabled": False}, root)
        status, out = self.smoke()
        self.assertEqual(status, 1, out)
        self.assertRegex(out, r"failed  probes .*GET /readyz: status 503")
        self.assertRegex(out, r"failed  chat ")
        self.assertRegex(out, r"ok      models ")
