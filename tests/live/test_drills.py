"""The drills of docs/runbooks.md: inject a fault, see the symptoms that the page shows, apply its remedy."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from codexd.wire.json import Json, encode
from tests.live.test_key_policies import entry
from tests.support.http_client import HttpResponse, open_unread_request
from tests.support.live_daemon import CHAT, ONE_ATTEMPT, RESPONSES, Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import TIMEOUT_SECONDS, wait_until
from tests.support.provider_process import ProviderProcess
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
ONE_SLOT = SETTINGS.replace("[codex]\n", "[codex]\nturns_per_worker = 1\n")
RESTARTS = """\
[codex]
hang_seconds = 2
backoff_initial_seconds = 0.05
backoff_max_seconds = 0.05
restart_limit = 3
restart_window_seconds = 6
[turns]
retry_total_seconds = 1
"""
SCRIPTED = 'model = "scripted"\n'
UNREACHABLE = """\
[keys]
file = "{folder}/keys.toml"
[codex]
unreachable_seconds = 2
breaker_seconds = 3
[models]
refresh_seconds = 3600
[[upstream]]
name = "near"
base_url = "{near}"
prefix = "near/"
retries = 0
breaker_failures = 1
breaker_seconds = 2
"""
SHOWN_SECONDS = 20.0
"""How long a symptom may take to be seen, on a loaded machine."""

BROKEN_BLOCK = "<use_tool>not a call</use_tool>"
TOOL: Json = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


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


def port_of(provider: ProviderProcess) -> int:
    """Return the port of a provider."""
    return int(provider.url.removesuffix("/v1").rpartition(":")[2])


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


_shared: list[Daemon] = []


class RequestDrillTests(DrillTestCase):
    """Drills that leave the daemon as it was."""

    @classmethod
    def tearDownClass(cls) -> None:
        while _shared:
            _shared.pop().discard()

    @property
    def server(self) -> Daemon:
        if not _shared:
            _shared.append(build(DaemonSetup(settings=ONE_SLOT)).start().await_ready())
        return _shared[0]

    def drill_provider(self, heading: str, said: str) -> Drill:
        """Drill a failure of the provider, which the scripted model produces as it is asked to."""
        drill = Drill(self.server, heading)
        drill.assert_symptoms({CHAT: self.ask(said)})
        self.assert_answered()
        return drill

    def test_failed_requests(self) -> None:
        self.drill_provider("Failed requests", "fail: 500")

    def test_high_latency(self) -> None:
        self.drill_provider("High latency", "hang:")

    def test_429_of_the_provider(self) -> None:
        self.drill_provider("The provider", "fail: 429")

    def test_a_login_that_expired(self) -> None:
        self.drill_provider("Login expired", "fail: 401").assert_remedy("codexd login")

    def test_a_full_queue(self) -> None:
        drill = Drill(self.server, "The queue")
        running = self.server.call(CHAT, self.server.chat_body("stall: one", stream=True), self.key("alice"))
        next(running.frames())
        drill.assert_symptoms({CHAT: self.ask("say: no room")})
        running.disconnect()
        self.assert_answered()
        empty = b'codexd_queue_length{backend="codex"} 0.0'
        wait_until(lambda: empty in self.server.get("/metrics", ROOT_KEY).body, "nobody waits")

    def test_a_limit_of_an_api_key(self) -> None:
        drill = Drill(self.server, "A limit of an API key")
        answers = [self.ask("say: hello", "limited") for _ in range(2)]
        drill.assert_symptoms({CHAT: answers[-1]})
        drill.assert_remedy("`codexd keys change NAME --requests-per-minute 600`")
        self.run_codexd("keys", "change", "limited", "--requests-per-minute", "600")
        self.apply(drill, "reload")
        self.assert_answered("limited")

    def test_a_budget_that_is_exhausted(self) -> None:
        drill = Drill(self.server, "Budget exhausted")
        answers = [self.ask("say: hello", "spender") for _ in range(2)]
        drill.assert_symptoms({CHAT: answers[-1]})
        drill.assert_remedy("`codexd keys change NAME --tokens-per-day 4000000`")
        self.run_codexd("keys", "change", "spender", "--tokens-per-day", "4000000")
        self.apply(drill, "reload")
        self.assert_answered("spender")

    def test_a_store_fault(self) -> None:
        server = self.server
        drill = Drill(server, "Store fault")
        store, away = server.folder / "store", server.folder / "away"
        shutil.move(store, away)
        drill.assert_symptoms({RESPONSES: self.respond()})
        self.assertEqual(self.ask("say: chat works").status, 200)
        shutil.move(away, store)
        drill.assert_log("store recovered")
        self.assertEqual(self.respond().status, 200)

    def respond(self) -> HttpResponse:
        return self.server.post(RESPONSES, {"model": "scripted", "input": "say: hello"}, self.key("alice"))

    def test_memory(self) -> None:
        drill = Drill(self.server, "Memory")
        self.apply(drill, "workers", "recycle")
        drill.assert_symptoms()
        self.assert_answered()

    def test_a_slow_client(self) -> None:
        drill = Drill(self.server, "Slow clients")
        body = encode(self.server.chat_body("long: 15000", stream=True))
        connection = open_unread_request(self.server.port, CHAT, body, "authorization: Bearer sk-alice")
        drill.assert_symptoms()
        connection.close()
        self.assert_answered()

    def test_maintenance(self) -> None:
        drill = Drill(self.server, "Maintenance left on")
        self.run_codexd("maintenance", "on")
        drill.assert_symptoms({CHAT: self.ask("say: hello")})
        self.assertEqual(self.apply(drill, "maintenance", "off"), "Maintenance is off.\n")
        drill.assert_log("Maintenance is off")
        self.assert_answered()

    def test_tool_blocks(self) -> None:
        drill = Drill(self.server, "Tool blocks")
        answer = self.ask(f"say: {BROKEN_BLOCK}", tools=[TOOL])
        self.assertEqual(answer.json["choices"][0]["message"]["content"], BROKEN_BLOCK)
        drill.assert_symptoms()


class ProcessDrillTests(DrillTestCase):
    """Drills that need a daemon of their own."""

    @property
    def server(self) -> Daemon:
        return self._server

    def start(self, setup: DaemonSetup) -> Daemon:
        self._server = build(setup)
        self.addCleanup(self._server.discard)
        return self._server.start().await_ready()

    def test_a_restart_storm(self) -> None:
        server = self.start(DaemonSetup(settings=RESTARTS))
        drill = Drill(server, "Restart storm")
        for number in range(1, 5):
            started = f"codexd_child_started_total {number}.0".encode()
            wait_until(lambda text=started: text in server.get("/metrics", ROOT_KEY).body, "a process is started")
            (child,) = server.children
            os.kill(child, signal.SIGKILL)
        wait_until(lambda: not server.ready, "it is not ready")
        drill.assert_symptoms({CHAT: self.ask("say: hello")})
        self.assert_recovered(drill)

    def assert_recovered(self, drill: Drill) -> None:
        """Assert that the daemon recovers by itself, as the page says."""
        drill.assert_remedy("**Over when**")
        self.server.await_ready()
        self.assert_answered()

    def test_a_hung_child(self) -> None:
        server = self.start(DaemonSetup(settings=RESTARTS))
        drill = Drill(server, "Hung child")
        os.kill(server.children[0], signal.SIGSTOP)
        drill.assert_symptoms()
        self.assert_recovered(drill)

    def test_a_daemon_that_is_killed_and_one_that_is_rolled_back(self) -> None:
        server = self.start(DaemonSetup(settings=SETTINGS))
        stored = server.post(RESPONSES, {"model": "scripted", "input": "say: kept"}, self.key("alice")).json["id"]
        (down,) = read_symptoms("The daemon is down").requests
        self.assertEqual((down.path, down.status), ("/livez", "no connection"))
        server.end(signal.SIGKILL)
        self.assertRaises(OSError, server.get, down.path)
        server.start().await_ready()
        drill = Drill(server, "Rollback of codexd")
        drill.assert_remedy("`codexd maintenance on --keep --message TEXT`")
        self.run_codexd("maintenance", "on", "--keep", "--message", "back soon")
        server.end(signal.SIGTERM)
        server.start()
        wait_until(lambda: self.is_in_maintenance(server), "it is in maintenance again")
        self.apply(drill, "maintenance", "off")
        server.await_ready()
        self.assert_probes(drill, stored)

    def is_in_maintenance(self, server: Daemon) -> bool:
        try:
            return bool(server.get("/readyz").json == {"status": "maintenance"})
        except OSError:
            return False

    def assert_probes(self, drill: Drill, stored: str) -> None:
        for shown in drill.symptoms.requests:
            answer = self.server.get(shown.path.replace("RESPONSE_ID", stored), self.key("alice"))
            self.assertEqual(str(answer.status), shown.status, shown)
            self.assertIn(shown.body, answer.body.decode())

    def test_a_log_that_is_full(self) -> None:
        server = self.start(DaemonSetup(settings=SETTINGS, twistd=("--logfile", "/dev/full")))
        drill = Drill(server, "Log lines dropped")
        self.assertEqual(self.ask("say: hello").status, 200)
        drill.assert_symptoms()
        self.assert_answered()

    def test_a_provider_that_cannot_be_reached(self) -> None:
        providers = ProviderProcess(), ProviderProcess()
        server = self.start_with_providers(*(provider.url for provider in providers))
        drill = Drill(server, "Provider unreachable")
        for provider in providers:
            provider.end(signal.SIGKILL)
        for model in ("scripted", "near/scripted"):
            self.assertEqual(self.ask("say: hello", model=model).json["error"]["code"], "unreachable", model)
        drill.assert_symptoms({CHAT: self.ask("say: hello")})
        for provider in providers:
            self.addCleanup(ProviderProcess(port_of(provider)).stop)
        drill.assert_log("can be reached again")
        self.assert_answered()
        wait_until(lambda: self.ask("say: again", model="near/scripted").status == 200, "the upstream answers")
        up = b'codexd_upstream_up{upstream="near"} 1.0'
        wait_until(lambda: up in server.get("/metrics", ROOT_KEY).body, "the upstream is up")

    def start_with_providers(self, codex: str, upstream: str) -> Daemon:
        """Start a daemon with these providers of Codex and of an upstream."""
        settings = UNREACHABLE.replace("{near}", upstream)
        server = self._server = build(DaemonSetup(account=True, login=False, codex=SCRIPTED, settings=settings))
        self.addCleanup(server.discard)
        server.model = "scripted"
        config = Path(server.codex_home / "config.toml")
        config.write_text(config.read_text().replace(server.provider.url, codex))
        server.start().await_ready()
        up = b"codexd_children_up 1.0"  # with upstreams, codexd is ready before
        wait_until(lambda: up in server.get("/metrics", ROOT_KEY).body, "Codex is up")
        return server
