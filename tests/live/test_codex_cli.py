"""Codex as a client, over Codex and over a Chat upstream; the cases are in tests/support/codex_cli_cases.py."""

from codexd.wire.json import Json
from tests.support import codex_cli_cases as cases
from tests.support.codex_cli import Access
from tests.support.live_daemon import DaemonSetup
from tests.support.live_upstreams import servers
from tests.support.provider_process import ProviderProcess

UPSTREAM = """\
[codex]
model = "scripted"

[[upstream]]
name = "near"
base_url = "{scripted}"
prefix = "near/"
retries = 0

[[models.alias]]
name = "gpt-5.5"
upstream = "near"
model = "scripted"

[[models.alias]]
name = "gpt-6-astra"
upstream = "near"
model = "scripted"
"""


class CodexCliOverCodexTests(cases.CodexCliCases):
    daemon_setup = DaemonSetup(account=True)
    shout = "shout"

    @property
    def provider(self) -> ProviderProcess:
        return self.daemon.provider

    def find_schema(self, asked: Json) -> Json:
        return asked["text"]["format"]["schema"]

    def test_a_reasoning_summary_is_shown_and_its_encrypted_original_is_sent_back(self) -> None:
        for client in self.clients():
            run = self.succeed(client, "thinking: let me see\nsay: seen")
            self.assertEqual([one["text"] for one in run.items("reasoning")], ["let me see"])
            self.succeed(client, "resume", "--last", "say: again")
            (sent,) = [item for item in self.provider.asked(1)[0]["input"] if item["type"] == "reasoning"]
            self.assertTrue(sent["encrypted_content"])

    def test_the_model_gets_the_tools_of_the_client_and_no_others(self) -> None:
        self.succeed(self.client(cases.CODE), "hello")
        (item,) = [item for item in self.provider.asked(1)[0]["input"] if item["type"] == "additional_tools"]
        self.assertEqual({tool["name"] for tool in item["tools"]}, {"functions", "clock", "collaboration"})


class CodexCliOverUpstreamTests(cases.CodexCliCases):
    shout = "mcp__tiny__shout"

    @property
    def daemon_setup(self) -> DaemonSetup:  # type: ignore[override]
        """The configuration of the daemon: the names of Codex's models stand for a model of the upstream."""
        return DaemonSetup(settings=UPSTREAM.replace("{scripted}", servers().scripted.url))

    @property
    def provider(self) -> ProviderProcess:
        return servers().scripted

    def find_schema(self, asked: Json) -> Json:
        return asked["response_format"]["json_schema"]["schema"]

    def test_a_model_that_codex_does_not_know_gets_its_tools_by_the_list_of_models(self) -> None:
        accesses: tuple[Access, ...] = ("login", "command")
        for access in accesses:
            client = self.client("near/scripted", access)
            run = self.succeed(client, f"{cases.call('apply_patch', {'input': cases.PATCH})}\nthen: say: patched")
            self.assertEqual(run.answer, "patched")
            self.assertTrue((client.workspace / "made.txt").exists())
            self.assertNotIn("Model metadata", run.messages + str(run.events))
