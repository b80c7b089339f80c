"""Codex as a client with models that no catalog has: of upstreams without any Codex, and of a provider of one's own."""

import shutil
from typing import Any

from codexd.fronts.codex_template import TEMPLATE
from codexd.wire import json
from codexd.wire.json import Json
from tests.support.codex_cli import CodexCli
from tests.support.codex_cli_cases import PATCH, call
from tests.support.live_daemon import DaemonSetup, LiveTestCase
from tests.support.live_upstreams import servers
from tests.support.processes import wait_until

_UPSTREAM_ONLY = """\
[codex]
model = "none"
binary = "/nonexistent/codex"

[[upstream]]
name = "near"
base_url = "{scripted}"
prefix = "near/"
retries = 0

[[models.alias]]
name = "gpt-6-astra"
upstream = "near"
model = "scripted"
"""


class ModelListCases(LiveTestCase):
    def client(self, model: str) -> CodexCli:
        client = CodexCli(model=model, url=f"http://127.0.0.1:{self.daemon.port}/v1", access="command")
        self.addCleanup(shutil.rmtree, client.home.parent, ignore_errors=True)
        return client

    def check_patch(self, model: str) -> dict[str, Any]:
        """Let a model patch a file; return the entry that the client has of it."""
        client = self.client(model)
        run = client.run(f"{call('apply_patch', {'input': PATCH})}\nthen: say: patched")
        self.assertEqual((run.status, run.answer), (0, "patched"), run.messages)
        self.assertTrue((client.workspace / "made.txt").exists())
        self.assertNotIn("Model metadata", run.messages + str(run.events))
        cached = json.decode((client.home / "models_cache.json").read_bytes())["models"]
        entries: dict[str, Any] = {one["slug"]: one for one in cached}
        return entries[model]


class UpstreamOnlyModelListTests(ModelListCases):
    @property
    def daemon_setup(self) -> DaemonSetup:  # type: ignore[override]
        return DaemonSetup(settings=_UPSTREAM_ONLY.replace("{scripted}", servers().scripted.url))

    def test_a_model_gets_the_clients_tools(self) -> None:
        entry = self.check_patch("near/scripted")
        self.assertEqual((entry["shell_type"], entry["supports_search_tool"]), ("unified_exec", True))
        self.assertIn(TEMPLATE["base_instructions"].splitlines()[0], str(servers().scripted.asked(1)))

    def test_a_model_of_the_clients_own_catalog_keeps_its_entry(self) -> None:
        """Its tools are called from code, which only its own entry says."""
        run = self.client("gpt-6-astra").run(call("exec", {"input": "text('from code')"}))
        self.assertEqual(run.status, 0, run.messages)
        self.assertIn("from code", run.answer)


class OwnProviderModelListTests(ModelListCases):
    daemon_setup = DaemonSetup(
        account=True, login=False, settings="[models]\nrefresh_seconds = 0.2\n", codex='model = "qwen"\n'
    )
    listed: Json = {"object": "list", "data": [{"id": "qwen", "max_model_len": 50_000}]}

    def test_a_model_gets_the_clients_tools_and_has_its_context_window(self) -> None:
        self.daemon.provider.set_models(self.listed)
        url = "/v1/models?client_version=0"
        wait_until(lambda: self.daemon.get(url).json["models"][0]["context_window"] == 50_000, "it is listed")
        entry = self.check_patch("qwen")
        self.assertEqual((entry["context_window"], entry["max_context_window"]), (50_000, 50_000))
        self.assertNotEqual(entry["apply_patch_tool_type"], None)
