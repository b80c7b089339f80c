"""The log of a real daemon: its lines and events, systemd's journal, and logrotate."""

import os
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from codexd.observe.log_events import GROUPS
from codexd.wire import json
from tests.support.live_daemon import CHAT, Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import wait_until

LOGROTATE = shutil.which("logrotate", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
TRACE = "0af7651916cd43dd8448eb211c80319c"
ROTATION = '"{log}" {{\n    rotate 3\n{rest}\n}}\n'
BY_SIGNAL = "    postrotate\n        kill -USR1 {pid}\n    endscript"


def read_lines(daemon: Daemon) -> list[json.Json]:
    """Return the lines of a JSON log that are complete."""
    return [json.decode(line.encode()) for line in daemon.log.splitlines(keepends=True) if line.endswith("\n")]


class JsonTests(LiveTestCase):
    def test_each_step_of_the_daemons_life_is_an_event(self) -> None:
        daemon = self.new_daemon(DaemonSetup(settings='[log]\nformat = "json"\n')).start().await_ready()
        self.await_events(daemon, "daemon_ready")
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "x-request-id": "one"}
        answer = daemon.post(CHAT, daemon.chat_body("say: a secret answer"), headers)
        self.assertEqual(answer.headers["traceparent"], headers["traceparent"])
        daemon.signal(signal.SIGHUP)
        self.await_events(daemon, "reloaded")
        (child,) = daemon.children
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: daemon.replaced(child), "replaced")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        lines = read_lines(daemon)
        events = [line["event"] for line in lines]
        expected = (
            "daemon_starting", "listening", "daemon_started", "child_started", "child_ready", "request", "reloaded",
            "child_down", "child_exited", "child_started", "child_ready", "daemon_stopping", "daemon_stopped",
        )  # fmt: skip
        rest = iter(events)
        self.assertTrue(all(event in rest for event in expected), events)
        known = {name for group in GROUPS.values() for name in group}
        self.assertEqual([line for line in lines if line["event"] not in known], [], "noise of others")
        (request,) = [line for line in lines if line["event"] == "request"]
        shown = [request[name] for name in ("id", "trace_id", "method", "path", "status", "outcome", "backend")]
        self.assertEqual(shown, ["one", TRACE, "POST", CHAT, 200, "ok", "codex"])
        self.assertEqual(request["sent_bytes"], len(answer.body))
        self.assertNotIn("secret", daemon.log)

    def await_events(self, daemon: Daemon, name: str) -> None:
        wait_until(lambda: name in [line["event"] for line in read_lines(daemon)], name)


class JournalTests(LiveTestCase):
    def test_under_systemd_lines_have_a_priority_and_no_time(self) -> None:
        path = Path(self.mktemp()).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.addCleanup(os.close, output)
        status = os.fstat(output)
        stream = ("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        daemon = self.new_daemon(DaemonSetup(output=output, environment=(stream,))).start().await_ready()
        self.assertEqual(daemon.chat_text("say: hi"), "hi")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        lines = path.read_text().splitlines()
        for line in lines:
            self.assertRegex(line, r"^<[2-6]>codexd[.\w]*: ")
        self.assertTrue(any(line.startswith(f"<6>codexd.request: POST {CHAT} 200 ok ") for line in lines), lines)


@unittest.skipIf(LOGROTATE is None, "logrotate is not installed")
class RotationTests(LiveTestCase):
    def rotate(self, daemon: Daemon, rest: str) -> None:
        """Run logrotate once."""
        assert LOGROTATE is not None
        rules = daemon.folder / "logrotate.conf"
        rules.write_text(ROTATION.format(log=daemon.folder / "codexd.log", rest=rest))
        rules.chmod(0o600)
        command = (LOGROTATE, "--force", "--state", str(daemon.folder / "logrotate.state"), str(rules))
        subprocess.run(command, check=True, timeout=60, cwd=daemon.folder)

    def test_logrotate_moves_or_truncates_the_log_and_no_line_is_lost(self) -> None:
        setup = DaemonSetup(settings="[log]\nrotate_bytes = 0\n", twistd=("--logfile", "{folder}/codexd.log"))
        daemon = self.new_daemon(setup).start().await_ready()
        log = daemon.folder / "codexd.log"
        self.ask(daemon, "before", log)
        self.rotate(daemon, BY_SIGNAL.format(pid=daemon.pid))
        wait_until(lambda: log.exists() and "opened again" in log.read_text(), "reopened")
        self.ask(daemon, "between", log)
        self.rotate(daemon, "    copytruncate")
        self.ask(daemon, "after", log)
        texts = [path.read_text() for path in (Path(f"{log}.2"), Path(f"{log}.1"), log)]
        for name, place in (("before", 0), ("between", 1), ("after", 2)):
            self.assertEqual([f"id={name} " in text for text in texts], [at == place for at in range(3)], name)
        self.assertNotIn("\0", texts[2], "a hole")
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)

    def ask(self, daemon: Daemon, name: str, log: Path) -> None:
        """Send a request, and wait for its line."""
        self.assertEqual(daemon.get("/v1/models", {"x-request-id": name}).status, 200)
        wait_until(lambda: f"id={name} " in log.read_text(), name)
