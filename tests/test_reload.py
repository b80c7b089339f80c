"""Reloading the settings of a daemon, with in-memory network and processes."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from attrs import evolve

from codexd.configuration import ConfigurationError, LoadedSettings
from codexd.service import Daemon
from codexd.settings import (
    ApiKey,
    Codex,
    Http,
    Keys,
    Maintenance,
    ModelAlias,
    Models,
    Queue,
    Responses,
    Settings,
    Turns,
    Upstream,
)
from tests.support.in_memory_server import Response, chat
from tests.support.inline_executor import InlineExecutor
from tests.support.metric_samples import metric
from tests.test_service import DaemonTestCase

ALICE = ApiKey(name="alice", sha256=sha256(b"sk-alice").hexdigest())
UPSTREAM = Upstream(name="up", base_url="http://127.0.0.1:1/v1", models=("small",))


class ReloadTests(DaemonTestCase):
    def make(self, **codex: Any) -> Daemon:
        self.settings = Settings(http=self.http, codex=Codex(binary="/bin/sh", **codex))
        self.problem: ConfigurationError | None = None
        environ = {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        return Daemon(self.settings, environ, self.reactor, connect=InlineExecutor, load=self.load)

    def load(self) -> LoadedSettings:
        if self.problem is not None:
            raise self.problem
        return LoadedSettings(self.settings)

    def reload(self, **tables: Any) -> Any:
        self.settings = evolve(self.settings, **tables)
        report = self.daemon.reload()
        self.reactor.advance(0)
        return report

    def models(self, **headers: str) -> Response:
        connection = self.connect()
        connection.request("GET", "/v1/models", **headers)
        return connection.response

    def counted(self, name: str) -> float:
        return metric(self.daemon._metrics, name)

    def test_keys_and_origins_are_those_of_the_new_settings(self) -> None:
        self.start()
        self.assertEqual(self.models().status, 200)
        report = self.reload(http=Http(api_keys=("secret",), cors_origins=("https://here.example",)))
        self.assertEqual((report.applied, report.restart), (("http.api_keys", "http.cors_origins"), ()))
        self.assertEqual(self.models().status, 401)
        allowed = self.models(x_api_key="secret", origin="https://here.example")
        self.assertEqual(allowed.headers["access-control-allow-origin"], "https://here.example")
        self.reload(http=Http())
        self.assertEqual(self.models().status, 200)

    def test_keys_with_names_are_those_of_the_new_settings(self) -> None:
        self.start()
        self.assertEqual(self.reload(key=(ALICE,)).applied, ("key",))
        self.assertEqual((self.models().status, self.models(x_api_key="sk-alice").status), (401, 200))
        self.reload(key=(evolve(ALICE, endpoints=("chat",)),))
        self.assertEqual(self.models(x_api_key="sk-alice").status, 403)
        self.assertEqual(self.reload(key=(), keys=Keys(file="/keys.toml")).applied, ("keys.file", "key"))
        self.assertEqual(self.models(x_api_key="sk-alice").status, 401)
        self.reload(keys=Keys())
        self.assertEqual(self.models(x_api_key="sk-alice").status, 200)

    def test_every_limit_of_a_key_is_that_of_the_new_settings(self) -> None:
        self.start()
        self.reload(key=(ALICE,))
        self.assertNotIn("x-ratelimit-limit-requests", self.models(x_api_key="sk-alice").headers)
        self.reload(key=(evolve(ALICE, requests_per_minute=7, tokens_per_minute=70, tokens_per_day=5),))
        headers = self.models(x_api_key="sk-alice").headers
        limits = [headers[f"x-ratelimit-limit-{kind}"] for kind in ("requests", "tokens")]
        self.assertEqual(limits, ["7", "70"])
        self.assertIn(b'codexd_key_budget_used_ratio{key="alice",period="day"} 0.0', self.daemon._metrics.render())
        for changed, status in (
            ({"tokens_per_minute": 1}, 429),
            ({"models": ("other",)}, 403),
            ({"endpoints": ("models",)}, 403),
            ({"expires": datetime(2001, 1, 1, tzinfo=UTC)}, 401),
            ({}, 200),
        ):
            self.reload(key=(evolve(ALICE, **changed),))
            connection = self.connect()
            body = chat(model="scripted", messages=[{"role": "user", "content": "say: hello"}])
            connection.request("POST", "/v1/chat/completions", body, x_api_key="sk-alice")
            self.reactor.advance(0)
            self.assertEqual(connection.response.status, status, changed)

    def test_limits_of_what_keys_store_are_those_of_the_new_settings(self) -> None:
        self.start()
        for tables, code in (
            ({"key": (ALICE,)}, None),
            ({"key": (evolve(ALICE, stored_bytes=10),)}, "storage_limit_exceeded"),
            ({"key": (ALICE,)}, None),
            ({"responses": Responses(owner_bytes=10)}, "storage_limit_exceeded"),
        ):
            self.reload(**tables)
            connection = self.connect()
            connection.request("POST", "/v1/responses", {"model": "scripted", "input": "say: x"}, x_api_key="sk-alice")
            self.reactor.advance(0)
            self.assertEqual((connection.response.json["error"] or {}).get("code"), code)

    def test_allowed_hosts_are_those_of_the_new_settings(self) -> None:
        self.start()
        self.assertEqual(self.models(host="box.lan").status, 403)
        self.reload(http=Http(allowed_hosts=("box.lan",)))
        self.assertEqual(self.models(host="box.lan").status, 200)
        self.reload(http=Http(api_keys=("secret",)))
        self.assertEqual(self.models(host="any.example", x_api_key="secret").status, 200)
        self.reload(http=Http(), key=(ALICE,))
        self.assertEqual(self.models(host="any.example", x_api_key="sk-alice").status, 200)

    def test_a_running_response_goes_on_and_keeps_its_settings(self) -> None:
        self.start()
        self.reactor.child.server.stepwise = True
        connection = self.connect()
        messages = [{"role": "user", "content": "say: one two"}]
        connection.request("POST", "/v1/chat/completions", chat(model="scripted", messages=messages, stream=True))
        self.reactor.advance(0)
        self.reload(http=Http(api_keys=("secret",)), upstream=(UPSTREAM,))
        self.reactor.child.catch_up()
        self.assertEqual(connection.response.events[-1], "[DONE]")

    def test_aliases_are_added_and_removed(self) -> None:
        self.start()
        self.reload(models=Models(alias=(ModelAlias(name="mine", model="scripted"),)))
        self.assertIn("mine", [one["id"] for one in self.models().json["data"]])
        body = chat(model="mine", messages=[{"role": "user", "content": "say: hello"}])
        self.assertEqual(self.ask("POST", "/v1/chat/completions", body).json["model"], "mine")
        self.reload(models=Models())
        self.assertEqual(self.ask("POST", "/v1/chat/completions", body).status, 404)

    def test_limits_are_those_of_the_new_settings(self) -> None:
        self.start()
        self.reload(http=Http(max_body_bytes=10), turns=Turns(idle_seconds=3), codex=Codex(binary="/bin/sh"))
        self.assertEqual(self.ask("POST", "/v1/chat/completions", chat(model="scripted")).status, 413)
        self.reload(http=Http())
        connection = self.connect()
        connection.request(
            "POST", "/v1/chat/completions", chat(messages=[{"role": "user", "content": "stall:"}], model="scripted")
        )
        self.reactor.pump([1.0] * 5)
        self.assertEqual(connection.response.status, 504)

    def test_upstreams_are_added_kept_and_removed(self) -> None:
        self.start()
        assert self.daemon._backends is not None
        self.reload(upstream=(UPSTREAM,))
        self.assertIn("small", [one["id"] for one in self.models().json["data"]])
        (first,) = self.daemon._backends.upstreams.backends
        other = evolve(UPSTREAM, name="other", models=("large",))
        self.reload(upstream=(UPSTREAM, other))
        # What did not change keeps its circuit breaker, connections and model list.
        self.assertIs(self.daemon._backends.upstreams.backends[0], first)
        self.reload(upstream=(evolve(UPSTREAM, models=("tiny",)), other))
        self.assertIsNot(self.daemon._backends.upstreams.backends[0], first)
        names = [one["id"] for one in self.models().json["data"]]
        self.assertEqual([name in names for name in ("small", "tiny", "large")], [False, True, True])
        self.assertIn(b'codexd_upstream_up{upstream="other"}', self.daemon._metrics.render())
        self.reload(upstream=())
        self.assertNotIn(b"codexd_upstream_up{", self.daemon._metrics.render())
        self.assertEqual([one["id"] for one in self.models().json["data"]], ["scripted"])

    def test_what_waits_stays_and_gets_a_slot_that_a_reload_adds(self) -> None:
        self.start()
        self.reload(codex=evolve(self.settings.codex, turns_per_worker=1))
        self.reactor.child.server.stepwise = True
        body = chat(model="scripted", messages=[{"role": "user", "content": "say: hello"}])
        connections = [self.connect() for _ in range(3)]
        for connection in connections:
            connection.request("POST", "/v1/chat/completions", body)
        running, waiting = "codexd_turns_running", "codexd_queue_length"
        self.assertEqual((self.counted(running), metric(self.daemon._metrics, waiting, backend="codex")), (1, 2))
        self.reload(codex=evolve(self.settings.codex, turns_per_worker=2))
        self.assertEqual((self.counted(running), metric(self.daemon._metrics, waiting, backend="codex")), (2, 1))
        self.reactor.child.catch_up()
        self.reactor.pump([0.0] * 9)
        self.assertEqual([connection.response.status for connection in connections], [200] * 3)

    def test_the_turns_of_a_key_are_limited_by_the_new_settings(self) -> None:
        self.start()
        self.reload(key=(evolve(ALICE, concurrent_turns=1),))
        self.reactor.child.server.stepwise = True
        body = chat(model="scripted", messages=[{"role": "user", "content": "say: hello"}])
        for _ in range(4):
            self.connect().request("POST", "/v1/chat/completions", body, x_api_key="sk-alice")
        self.assertEqual(self.counted("codexd_turns_running"), 1)
        self.reload(key=(evolve(ALICE, concurrent_turns=2),))
        self.assertEqual(self.counted("codexd_turns_running"), 2)
        self.reload(key=(ALICE,), queue=Queue(turns_per_key=3))
        self.assertEqual(self.counted("codexd_turns_running"), 3)
        self.reload(queue=Queue())
        self.assertEqual(self.counted("codexd_turns_running"), 4)

    def test_wrong_settings_change_nothing(self) -> None:
        self.start()
        self.problem = ConfigurationError("http.listen: must not be empty", "codex.workers: must be at least 1")
        report = self.daemon.reload()
        self.assertEqual(report.problems, self.problem.problems)
        self.problem = None
        # The upstream's key is missing, which is found only when it is built: nothing else of the file is applied.
        keyless = evolve(UPSTREAM, key_env="NOT_SET")
        report = self.reload(upstream=(UPSTREAM, keyless), http=Http(api_keys=("secret",)))
        self.assertIn("the variable NOT_SET contains no API key", report.problems[0])
        self.assertEqual(self.models().status, 200)
        self.assertEqual((self.counted("codexd_reloads_total"), self.counted("codexd_reloads_failed_total")), (0, 2))

    def test_what_needs_a_restart_is_named_and_not_applied(self) -> None:
        self.start()
        report = self.reload(
            http=Http(listen=("tcp:1:interface=127.0.0.1",), api_keys=("secret",)), responses=Responses(sync=True)
        )
        self.assertEqual(report.restart, ("http.listen", "responses.sync"))
        self.assertEqual(report.applied, ("http.api_keys",))
        self.assertEqual(self.models().status, 401)
        # It is named again by the next reload.
        self.assertEqual(self.reload().restart, ("http.listen", "responses.sync"))

    def test_maintenance_follows_its_settings_when_they_change(self) -> None:
        self.start()
        self.reload(maintenance=Maintenance(enabled=True))
        self.assertEqual(self.ask("POST", "/v1/chat/completions", chat(model="scripted")).status, 503)
        self.reload(maintenance=Maintenance())
        self.assertEqual(self.ask("GET", "/readyz").status, 200)

    def test_before_the_start_nothing_is_reloaded(self) -> None:
        self.assertEqual(self.daemon.reload().problems, ("the daemon does not run",))
