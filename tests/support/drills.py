"""Drills of docs/runbooks.md: compare what a daemon shows with the symptoms of a section, and apply its remedy."""

import subprocess
import sys

from codexd.wire.json import Json
from tests.live.test_key_policies import entry
from tests.support.http_client import HttpResponse
from tests.support.live_daemon import CHAT, ONE_ATTEMPT, Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import TIMEOUT_SECONDS, wait_until
from tests.support.runbooks import ShownRequest, Symptoms, holds, matches, read_symptoms

KEYS = (
    entry("alice"),
    entry("limited", "requests_per_minute = 1"),
    entry("spender", "tokens_per_day = 1"),
    entry("root", "admin = true"),
)
ROOT_KEY = {"authorization": "Bearer sk-root"}
SETTINGS = f"""\
[keys]
file = "{{folder}}/keys.toml"
[responses]
database = "{{folder}}/store/responses.sqlite3"
[http]
write_timeout_seconds = 1
[queue]
max_wait_seconds = 0.5
{ONE_ATTEMPT}first_event_seconds = 2
"""
SHOWN_SECONDS = 20.0
"""How long a symptom may take to be seen, on a loaded machine."""


class Drill:
    """One drill: the symptoms of a section, compared with what a daemon shows since the drill began.

    Args:
        server: the daemon.
        heading: the section of docs/runbooks.md.
    """

    def __init__(self, server: Daemon, heading: str) -> None:
        self.symptoms: Symptoms = read_symptoms(heading)
        self._server = server
        self._before = self._scrape()
        self._log_start = len(server.log)

    @property
    def _log(self) -> str:
        return self._server.log[self._log_start :]

    def _scrape(self) -> bytes:
        return self._server.get("/metrics", ROOT_KEY).body

    def assert_symptoms(self, answers: dict[str, HttpResponse] | None = None) -> None:
        """Assert that everything that the section shows is there.

        Args:
            answers: to the requests that are not GET, by their path.
        """
        for condition in self.symptoms.conditions:
            wait_until(lambda shown=condition: holds(shown, self._before, self._scrape()), condition, SHOWN_SECONDS)
        for shown in self.symptoms.requests:
            self._assert_shown(shown, answers or {})
        for line in self.symptoms.lines:
            wait_until(lambda shown=line: matches(shown, self._log), f"the log has: {line}", SHOWN_SECONDS)

    def _assert_shown(self, shown: ShownRequest, answers: dict[str, HttpResponse]) -> None:
        answer = self._server.get(shown.path, ROOT_KEY) if shown.method == "GET" else answers[shown.path]
        body = answer.body.decode()
        assert str(answer.status) == shown.status, (shown, answer.status, body)
        assert shown.body in body, (shown, body)

    def assert_remedy(self, remedy: str) -> None:
        """Assert that the section names a remedy."""
        assert remedy in self.symptoms.text, remedy

    def assert_log(self, text: str) -> None:
        """Assert that the section names a text, and that the log has it since the drill began."""
        self.assert_remedy(text)
        wait_until(lambda: text in self._log, f"the log has: {text}", SHOWN_SECONDS)


class DrillTestCase(LiveTestCase):
    settings = SETTINGS

    @property
    def server(self) -> Daemon:
        """The daemon of the drill, which runs."""
        raise NotImplementedError

    def ask(self, text: str, key: str = "alice", **more: Json) -> HttpResponse:
        """Send a Chat request."""
        return self.server.post(CHAT, self.server.chat_body(text, **more), self.key(key))

    def key(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer sk-{name}"}

    def assert_answered(self, key: str = "alice") -> None:
        """Assert that a request succeeds again."""
        wait_until(lambda: self.ask("say: again", key).status == 200, "requests succeed again")

    def run_codexd(self, *argv: str) -> str:
        """Run a command as an operator does, and return its output."""
        folder = self.server.folder
        run = subprocess.run(
            (sys.executable, "-m", "codexd.command", *argv, f"--config={folder / 'codexd.toml'}"),
            capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
            env={"HOME": str(folder / "home"), "XDG_STATE_HOME": str(folder / "state")},
        )  # fmt: skip
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def apply(self, drill: Drill, *argv: str) -> str:
        """Run a command that the runbook names."""
        drill.assert_remedy(f"`codexd {' '.join(argv)}")
        return self.run_codexd(*argv)


def build(setup: DaemonSetup) -> Daemon:
    """Build a daemon with the keys and the directory of the database, not started."""
    server = Daemon(setup)
    (server.folder / "keys.toml").write_text("\n".join(KEYS), encoding="utf-8")
    (server.folder / "store").mkdir()
    return server
