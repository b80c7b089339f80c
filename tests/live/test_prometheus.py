"""A real Prometheus that scrapes a real codexd: the rules and the dashboard have data, the runbooks valid queries."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from codexd.wire.json import Json, decode
from tests.live.test_key_policies import entry
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase
from tests.support.processes import wait_until
from tests.support.prometheus import ETC, MISSING, PrometheusProcess, read_alerts
from tests.support.provider_process import ROOT, ProviderProcess
from tests.support.runbooks import list_conditions

SETTINGS = """\
[keys]
file = "{folder}/keys.toml"
[codex]
model = "scripted"
turns_per_worker = 1
[[upstream]]
name = "near"
base_url = "{near}"
prefix = "near/"
retries = 0
"""
KEYS = (
    entry("alice", "tokens_per_day = 1000000"),
    entry("bob", "tokens_per_day = 1"),
    entry("root", "admin = true"),
)
ROOT_KEY = {"authorization": "Bearer sk-root"}


def read_panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard."""
    panels: list[dict[str, Any]] = decode((ETC / "grafana/dashboards/codexd.json").read_bytes())["panels"]
    return panels


def read_queries() -> dict[str, str]:
    """Return the queries of the dashboard by panel and letter, for all jobs and instances."""
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$job", ".*").replace("$instance", ".*")
        for panel in read_panels()
        for target in panel.get("targets", ())
    }


class PrometheusTests(LiveTestCase):
    skip = MISSING

    def setUp(self) -> None:
        near = ProviderProcess()
        self.addCleanup(near.stop)
        self.server = self.new_daemon(DaemonSetup(settings=SETTINGS.replace("{near}", near.url)))
        (self.server.folder / "keys.toml").write_text("\n".join(KEYS), encoding="utf-8")
        folder = TemporaryDirectory(dir=ROOT / "build", prefix="prometheus-")
        self.addCleanup(folder.cleanup)
        self.prometheus = PrometheusProcess(Path(folder.name), self.server.port, "sk-root")
        self.addCleanup(self.prometheus.stop)

    def test_every_query_of_the_dashboard_and_every_rule_has_data(self) -> None:
        # The scripted model has no account.
        server = self.server.start().await_ready()
        wait_until(lambda: b"codexd_children_up 1.0" in server.get("/metrics", ROOT_KEY).body, "Codex is up")
        self.cause_load(server)
        self.prometheus.await_ready()
        wait_until(self.has_samples, "the load is scraped, and the rules are evaluated")
        self.check_rules()
        for condition in list_conditions():
            self.prometheus.query(condition)
        for name, query in read_queries().items():
            found = self.prometheus.query(query)
            self.assertTrue(found or "codexd_account" in query, f"{name}: {query}")

    def has_samples(self) -> bool:
        """Return whether there are rates of the load; each needs two samples, and that of the requests a difference."""
        self.ask(self.server, "say: hello")
        recycled = 'count_over_time(codexd_child_recycled_total{reason="request"}[1m]) >= 2'
        return all(map(self.prometheus.query, (recycled, "job:codexd_requests_slow:ratio3d >= 0")))

    def check_rules(self) -> None:
        """Check that every rule is loaded and works, that every recording rule has data, and that no alert fires."""
        rules = self.prometheus.rules()
        self.assertEqual([rule for rule in rules if rule["health"] != "ok"], [])
        recorded = [rule["name"] for rule in rules if rule["type"] == "recording"]
        self.assertEqual([name for name in recorded if not self.prometheus.query(name)], [])
        alerts = {rule["name"] for rule in rules if rule["type"] == "alerting"}
        self.assertEqual(alerts, set(read_alerts()))
        firing = {series["metric"]["alertname"] for series in self.prometheus.query('ALERTS{alertstate="firing"}')}
        self.assertEqual(firing, set())

    def cause_load(self, server: Daemon) -> None:
        """Cause at least one of everything that the dashboard counts by a label."""
        running = [self.call(server, "pace: 100\nsay: hello") for _ in range(2)]  # the second one waits
        self.assertEqual([pending.read().status for pending in running], [200, 200])
        self.assertEqual(self.ask(server, "say: hello", "bob"), 200)
        self.assertEqual(self.ask(server, "say: hello", "bob"), 429)
        self.assertEqual(self.ask(server, "say: hello", model="near/scripted"), 200)
        self.assertEqual(self.ask(server, "fail: 500", model="near/scripted"), 502)
        body: Json = {"model": "scripted", "input": "say: hello", "background": True}
        self.assertEqual(server.post(RESPONSES, body, self.key()).status, 200)
        ended = b'codexd_background_finished_total{outcome="ok"} 1.0'
        wait_until(lambda: ended in server.get("/metrics", ROOT_KEY).body, "the background response has ended")
        self.assertEqual(server.post("/admin/workers/recycle", {}, ROOT_KEY).status, 202)

    def key(self, name: str = "alice") -> dict[str, str]:
        return {"authorization": f"Bearer sk-{name}"}

    def call(self, server: Daemon, text: str) -> Any:
        return server.call(CHAT, server.chat_body(text), self.key())

    def ask(self, server: Daemon, text: str, key: str = "alice", **more: Json) -> int:
        return server.post(CHAT, server.chat_body(text, **more), self.key(key)).status
