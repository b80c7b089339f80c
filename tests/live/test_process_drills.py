"""The drills of docs/runbooks.md that end processes: of Codex, of its provider, of codexd itself."""

import os
import signal
from pathlib import Path

from tests.support.drills import ROOT_KEY, SETTINGS, Drill, DrillTestCase, build
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup
from tests.support.processes import wait_until
from tests.support.provider_process import ProviderProcess
from tests.support.runbooks import read_symptoms

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


def port_of(provider: ProviderProcess) -> int:
    """Return the port of a provider."""
    return int(provider.url.removesuffix("/v1").rpartition(":")[2])


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
        server = self.start(
            DaemonSetup(settings=RESTARTS.replace("retry_total_seconds = 1", "retry_total_seconds = 30"))
        )
        drill = Drill(server, "Hung child")
        os.kill(server.children[0], signal.SIGSTOP)
        drill.assert_symptoms({CHAT: self.ask("say: hello")})
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
